import { existsSync } from "node:fs";
import { cp, readFile, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./run.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** What `npm pack` says of a package. */
export interface Packed {
  /** The tarball's path. */
  readonly tarball: string;
  readonly version: string;
  /** The paths of the files in it. */
  readonly files: readonly string[];
}

/** Builds and packs the package as it would be published. It does so in a copy: others may be at work in the tree. */
export async function packInto(folder: string): Promise<Packed> {
  const tree = join(folder, "tree");
  const left = new Set(["node_modules", ".git", "dist", "site", "test"]);
  await cp(root, tree, { recursive: true, filter: (source) => !left.has(basename(source)) });
  const { workspaces = [] } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as Manifest;
  for (const place of ["", ...workspaces]) await linkModules(place, tree);

  await run("npm", ["run", "build"], { cwd: tree });
  const said = await run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: tree });
  // npm 11 answers with a list, later ones with an object by name.
  const [packed] = Object.values(JSON.parse(said) as Record<string, Answer>);
  if (packed === undefined) throw new Error(`npm pack said: ${said}`);
  const { filename, version, files } = packed;
  return { tarball: join(folder, filename), version, files: files.map(({ path }) => path) };
}

interface Manifest {
  readonly workspaces?: readonly string[];
}

interface Answer {
  readonly filename: string;
  readonly version: string;
  readonly files: readonly { readonly path: string }[];
}

/** Lends the copy what is installed here. A workspace need not have packages of its own. */
async function linkModules(place: string, tree: string): Promise<void> {
  const modules = join(root, place, "node_modules");
  if (existsSync(modules)) await symlink(modules, join(tree, place, "node_modules"));
}
