import { execFileSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { npmInstall } from "./consumer.ts";

/** The releases of Node that users may have: the oldest that `engines` admits, and those after it. */
export const nodeVersions = [22, 24, 26] as const;

/** This process runs on one of them, which is a development dependency of ours. */
const own = 24;

/**
 * Installs the binaries of Node from npm, and answers with the path of each.
 *
 * They are the packages of which `node` installs the one for the machine. All of them have a command of the same name,
 * `node`, so none is linked.
 */
export async function installNodes(folder: string): Promise<ReadonlyMap<number, string>> {
  const platform = process.platform === "win32" ? "win" : process.platform;
  const others = nodeVersions.filter((major) => major !== own);
  const packages = others.map((major) => `node${major}@npm:node-${platform}-${process.arch}@${major}`);
  await npmInstall(folder, packages, ["--no-bin-links"]);
  const paths = others.map((major) => [major, join(folder, "node_modules", `node${major}`, "bin", "node")] as const);
  return new Map([...paths, [own, process.execPath]]);
}

/** The version that a binary says it is, such as `v22.18.0`. */
export function versionOf(binary: string): string {
  return execFileSync(binary, ["--version"], { encoding: "utf8" }).trim();
}
