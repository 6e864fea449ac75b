import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { UsageError } from "../../test/support/command.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const library = "packages/once-again";

/** Two copies of the library, each with the benchmarks of the working tree: only the library differs. */
export interface Trees extends Disposable {
  /** The root of the copy at a revision. */
  readonly base: URL;
  /** The root of the copy of the working tree as it is now. */
  readonly working: URL;
}

/** The commit that a revision names. @throws UsageError for an unknown one, or without the library in it. */
export function commitOf(revision: string): string {
  const commit = git("rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`);
  if (commit === undefined) throw new UsageError(`--base must name a commit, but it is ${revision}.`);
  if (git("cat-file", "-e", `${commit}:${library}`) === undefined)
    throw new UsageError(`--base must have ${library}, but ${revision} has not.`);
  return commit;
}

/**
 * The default base of a comparison: where this branch left main; on main itself the last commit, or the one
 * before it when nothing has changed since.
 */
export function defaultBase(): string {
  const head = commitOf("HEAD");
  const left = git("merge-base", "HEAD", "origin/main") ?? git("merge-base", "HEAD", "main") ?? head;
  if (left !== head) return left;
  return git("status", "--porcelain", "--", library) === "" ? commitOf("HEAD~1") : head;
}

/** Copies both into a temporary folder, which is removed when the trees are disposed of, or this process ends. */
export function copyTrees(commit: string): Trees {
  const folder = mkdtempSync(join(tmpdir(), "once-again-compare-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  const base = join(folder, "base");
  const working = join(folder, "working");
  for (const tree of [base, working]) mkdirSync(tree);
  const packed = execFileSync("git", ["archive", commit, library], { cwd: root, maxBuffer: 2 ** 28 });
  execFileSync("tar", ["-x", "-C", base], { input: packed });
  copySources(library, working);
  // Both trees find the packages that are installed here.
  for (const tree of [base, working]) {
    copySources("bench", tree);
    for (const owner of [".", "bench", library]) {
      const modules = join(root, owner, "node_modules");
      if (existsSync(modules)) symlinkSync(modules, join(tree, owner, "node_modules"));
    }
  }
  return {
    base: pathToFileURL(`${base}/`),
    working: pathToFileURL(`${working}/`),
    [Symbol.dispose]() {
      process.removeListener("exit", remove);
      remove();
    },
  };
}

function copySources(folder: string, tree: string): void {
  const filter = (path: string): boolean => !["node_modules", "dist", "results"].includes(basename(path));
  cpSync(join(root, folder), join(tree, folder), { recursive: true, filter });
}

/** The output of git; `undefined` when it fails. */
function git(...args: string[]): string | undefined {
  try {
    return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined;
  }
}
