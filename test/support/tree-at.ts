import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "./command.ts";
import { lendModules } from "./lend-modules.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const parts = ["packages", "test", "package.json", "tsconfig.json"];

/** A copy of the repository as a commit has it. */
export interface TreeAt extends Disposable {
  readonly folder: string;
}

/**
 * Copies what a commit has into a temporary folder. It finds the packages that are installed here.
 *
 * @throws UsageError for a revision that names no commit.
 */
export async function treeAt(revision: string): Promise<TreeAt> {
  const folder = mkdtempSync(join(tmpdir(), "once-again-tree-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const commit = git("rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`);
    execFileSync("tar", ["-x", "-C", folder], { input: git("archive", commit.toString().trim(), ...parts) });
    await lendModules(folder);
  } catch (error) {
    remove();
    throw new UsageError(`No commit can be read by the name ${revision}.`, { cause: error });
  }
  return { folder, [Symbol.dispose]: remove };
}

function git(...args: string[]): Buffer {
  return execFileSync("git", args, { cwd: root, maxBuffer: 2 ** 28, stdio: ["ignore", "pipe", "ignore"] });
}
