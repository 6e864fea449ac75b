import { execFile } from "node:child_process";
import { cp } from "node:fs/promises";
import { basename, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { lendModules } from "./lend-modules.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Builds packages as they are published, in a copy of this repository: others may be at work in the tree.
 *
 * @param folder an empty one for the copy.
 * @param names the packages, each after those that it needs.
 * @returns the folder of the copy. It finds the packages that are installed here.
 * @throws Error with what the build printed.
 */
export async function buildPackages(folder: string, names: readonly string[]): Promise<string> {
  const tree = join(folder, "tree");
  const left = new Set(["node_modules", ".git", "dist", "site", "test"]);
  await cp(root, tree, { recursive: true, filter: (source) => !left.has(basename(source)) });
  await lendModules(tree);
  // As users build: without the condition by which this repository takes its sources.
  const env = { ...process.env, NODE_OPTIONS: "", npm_config_node_options: "" };
  const workspaces = names.flatMap((name) => ["--workspace", name]);
  try {
    await promisify(execFile)("npm", ["run", "build", ...workspaces], { cwd: tree, env, maxBuffer: 2 ** 26 });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`The build failed:\n${stdout}${stderr}`, { cause: error });
  }
  return tree;
}
