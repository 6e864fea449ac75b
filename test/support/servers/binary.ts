import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** A server's program, which the machine may have. */
export interface ServerBinary {
  readonly name: string;
  /** Where it may be beside PATH; a `*` stands for a version, of which the highest counts. */
  readonly folders?: readonly string[];
  /** The one command that installs it. */
  readonly install: string;
}

/** The path of a server's program; `undefined` when the machine has none. */
export function findBinary({ name, folders = [] }: ServerBinary): string | undefined {
  const path = (process.env["PATH"] ?? "").split(delimiter);
  return [...folders.flatMap(expand), ...path].map((folder) => join(folder, name)).find((file) => existsSync(file));
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
