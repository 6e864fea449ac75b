/**
 * Finds out what each test file needs, by what it imports when it runs: a new file is in the right part of the tests by itself.
 *
 * - `compiler`: TypeScript's compiler, which takes seconds for a program.
 * - `processes`: other processes, servers and browsers among them.
 * - `alone`: one process, and something of it that the file changes for all.
 * - `shared`: one process, which it shares with others.
 */
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { modules } from "./entries.ts";

/** In the order in which they run: those that take long begin first. */
export const tiers = ["processes", "compiler", "alone", "shared"] as const;
export type Tier = (typeof tiers)[number];

export interface TestFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly tier: Tier;
  /** The files of `test/support/servers` that it reaches, without `.ts`. */
  readonly servers: ReadonlySet<string>;
}

interface Import {
  /** A file from the root of the repository, or the name of a module. */
  readonly from: string;
  /** The names that are imported, by those that they get here. Absent: all of them. */
  readonly names?: ReadonlyMap<string, string>;
}

interface Source {
  readonly text: string;
  readonly imports: readonly Import[];
  /** A file that only exports what others have. Of it counts what is asked for. */
  readonly isIndex: boolean;
}

/** Modules that start processes. `test/support/one-process.ts` refuses one that another module starts. */
const starters: ReadonlySet<string> = new Set(["node:child_process", "node:cluster", "playwright-core", "miniflare"]);

/** Matches code that changes something for all files in its process, at once or later. */
const changesProcess =
  /\bvi\.(?:useFakeTimers|stubGlobal|stubEnv|mock|doMock|spyOn\((?:process|globalThis|console|performance|Date|Math|crypto)\b)|\bprocess\.(?:chdir\(|on\(|once\(|exitCode =)|\bprocess\.env(?:\[[^\]]+\]|\.\w+) =[^=]|\bdelete process\.env|\bglobalThis(?:\.\w+|\[[^\]]+\]) =[^=]|\bObject\.(?:assign|defineProperty)\(globalThis\b|\bsetGlobalDispatcher\(/;

const statement = /^(import|export)\s+(type\s)?(?:([^"';]*?)\s+from\s+)?"([^"]+)";?|\bimport\("([^"]+)"\)/gm;

const sourceOf = new Map(modules.map(({ specifier, source }) => [specifier, source]));

/** Reads all test files of a repository. */
export function testFiles(root = fileURLToPath(new URL("../", import.meta.url))): TestFile[] {
  const sources = new Map<string, Source>();
  const read = (path: string): Source => {
    const known = sources.get(path);
    if (known !== undefined) return known;
    // An import in a text, of a program that a test writes, is of no file here.
    const text = existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : "";
    const source = readSource(text, path);
    sources.set(path, source);
    return source;
  };
  return globSync(["packages/*/src/**/*.test.ts", "test/**/*.test.ts"], { cwd: root }).map((path) => {
    const reached = reach(path, read);
    const servers = new Set<string>();
    for (const one of reached) {
      const server = /^test\/support\/servers\/([^/.]+)\.ts$/.exec(one)?.[1];
      if (server !== undefined) servers.add(server);
    }
    return { path, tier: tierOf(reached, read), servers };
  });
}

/** The servers that tests start, by their files in `test/support/servers`, without `.ts`. */
export function serverNames(root = fileURLToPath(new URL("../", import.meta.url))): string[] {
  const folder = join(root, "test/support/servers");
  const files = globSync("*.ts", { cwd: folder }).filter((file) =>
    readFileSync(join(folder, file), "utf8").includes(": ServerBinary = {"),
  );
  return files
    .filter((file) => !file.endsWith(".test.ts"))
    .map((file) => file.slice(0, -".ts".length))
    .sort();
}

function tierOf(reached: ReadonlySet<string>, read: (path: string) => Source): Tier {
  if (reached.has("typescript")) return "compiler";
  const all = [...reached];
  if (all.some((one) => starters.has(one))) return "processes";
  const isChanging = all.some((one) => isOfTests(one) && changesProcess.test(read(one).text));
  return isChanging ? "alone" : "shared";
}

const isOfTests = (path: string): boolean => /^test\/.*\.ts$|\.test\.ts$/.test(path);

/** The modules and files that run when a file does, itself among them. */
function reach(path: string, read: (path: string) => Source): ReadonlySet<string> {
  const reached = new Set<string>();
  const seen = new Set<string>();
  const waiting: Import[] = [{ from: path }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { from, names } = next;
    const source = /\.[cm]?tsx?$/.test(from) ? read(from) : undefined;
    const asked = source?.isIndex === true && names !== undefined ? new Set(names.values()) : undefined;
    const mark = `${from} ${asked === undefined ? "" : [...asked].join(",")}`;
    if (seen.has(mark)) continue;
    seen.add(mark);
    reached.add(from);
    for (const one of source?.imports ?? []) {
      const needed = asked === undefined ? one : askedOf(one, asked);
      if (needed !== undefined) waiting.push(needed);
    }
  }
  return reached;
}

/** The part of an export that is asked for by its names. */
function askedOf({ from, names }: Import, asked: ReadonlySet<string>): Import | undefined {
  if (names === undefined) return { from, names: new Map(Array.from(asked, (name) => [name, name])) };
  const some = new Map([...names].filter(([exported]) => asked.has(exported)));
  return some.size === 0 ? undefined : { from, names: some };
}

function readSource(text: string, path: string): Source {
  const imports: Import[] = [];
  let hasOwn = false;
  const rest = text.replace(
    statement,
    (_, kind?: string, type?: string, clause?: string, from?: string, late?: string) => {
      const name = from ?? late!;
      const target = name.startsWith(".") ? join(dirname(path), name) : (sourceOf.get(name) ?? name);
      if (type === undefined) imports.push({ from: target, ...namesIn(clause) });
      if (kind !== "export") hasOwn = true;
      return "";
    },
  );
  const isIndex = !hasOwn && rest.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "").trim() === "";
  return { text, imports, isIndex };
}

/** The names in `{ a, type B, c as d }`. */
function namesIn(clause: string | undefined): Pick<Import, "names"> {
  const list = /^\{([^]*)\}$/.exec(clause ?? "")?.[1];
  if (list === undefined) return {};
  const names = new Map<string, string>();
  for (const part of list.split(",")) {
    const [name = "", here = name] = part.trim().split(/\s+as\s+/);
    if (name !== "" && !name.startsWith("type ")) names.set(here, name);
  }
  return { names };
}
