import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** A server's program, which the machine may have. */
export interface ServerBinary {
  readonly name: string;
  /** Where it may be beside PATH; a `*` stands for a version, of which the highest counts. */
  readonly folders?: readonly string[];
  /**
   * Does with the program what tests need of it: one may be there without its libraries, or with those of another version.
   *
   * @throws whatever shows that it is of no use.
   */
  readonly attempt?: (program: string) => void;
  /** The one command that installs it. */
  readonly install: string;
}

/** Programs that have shown that they work. */
const working = new WeakMap<ServerBinary, string>();

/** The path of the first program that works; `undefined` when the machine has none. */
export function findBinary(binary: ServerBinary): string | undefined {
  const { name, folders = [] } = binary;
  const path = (process.env["PATH"] ?? "").split(delimiter);
  for (const folder of [...folders.flatMap(expand), ...path]) {
    const program = join(folder, name);
    if (working.get(binary) === program || (existsSync(program) && works(binary, program))) {
      working.set(binary, program);
      return program;
    }
  }
  return undefined;
}

function works({ attempt }: ServerBinary, program: string): boolean {
  try {
    attempt?.(program);
    return true;
  } catch {
    return false;
  }
}

/** The folders that a pattern with at most one `*` stands for, the highest version first. */
function expand(pattern: string): string[] {
  const [before = "", after] = pattern.split("*");
  if (after === undefined) return [pattern];
  const versions = existsSync(before) ? readdirSync(before) : [];
  return versions
    .sort((one, other) => other.localeCompare(one, "en", { numeric: true }))
    .map((version) => before + version + after);
}
