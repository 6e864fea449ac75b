import { cp } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { lendModules } from "./lend-modules.ts";
import { run } from "./run.ts";

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
  await run("npm", ["run", "build", ...workspaces(names)], { cwd: tree });
  return tree;
}

/** A package as `npm pack` made it. */
export interface Packed {
  readonly name: string;
  /** The tarball's path. */
  readonly tarball: string;
  readonly version: string;
  /** The paths of the files in it. */
  readonly files: readonly string[];
  readonly unpackedBytes: number;
}

/** The output of `npm pack` about a package. */
interface PackAnswer {
  readonly name: string;
  readonly filename: string;
  readonly version: string;
  readonly files: readonly { readonly path: string }[];
  readonly unpackedSize: number;
}

/**
 * Builds packages and packs them as they are published.
 *
 * @param folder an empty one, to build in.
 * @param names the packages, each after those that it needs.
 * @param destination the folder for the tarballs.
 * @throws Error with what the build printed.
 */
export async function packPackages(
  folder: string,
  names: readonly string[],
  destination: string,
): Promise<readonly Packed[]> {
  const tree = await buildPackages(folder, names);
  const pack = ["pack", "--json", "--pack-destination", destination, ...workspaces(names)];
  const said = await run("npm", pack, { cwd: tree });
  // npm 11 answers with a list, later ones with an object by name.
  const answers = Object.values(JSON.parse(said.slice(said.search(/^[[{]/m))) as Record<string, PackAnswer>);
  return names.map((name) => {
    const answer = answers.find((one) => one.name === name);
    if (answer === undefined) throw new Error(`npm pack said: ${said}`);
    const { filename, version, files, unpackedSize } = answer;
    const tarball = join(destination, filename);
    return { name, tarball, version, files: files.map(({ path }) => path), unpackedBytes: unpackedSize };
  });
}

const workspaces = (names: readonly string[]): string[] => names.flatMap((name) => ["--workspace", name]);
