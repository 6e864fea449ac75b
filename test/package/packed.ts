import { join } from "node:path";
import { packages } from "../../scripts/entries.ts";
import { buildPackages } from "../support/built-packages.ts";
import { run } from "./run.ts";

/** The output of `npm pack` about a package. */
export interface Packed {
  readonly name: string;
  /** The tarball's path. */
  readonly tarball: string;
  readonly version: string;
  /** The paths of the files in it. */
  readonly files: readonly string[];
  readonly unpackedBytes: number;
}

/**
 * Builds and packs the packages as they would be published, the library first, in a copy of this repository.
 *
 * @param names the packages; default all.
 */
export async function packInto(
  folder: string,
  names: readonly string[] = Object.values(packages).map(({ name }) => name),
): Promise<readonly Packed[]> {
  const tree = await buildPackages(folder, names);
  const workspaces = names.flatMap((name) => ["--workspace", name]);
  const said = await run("npm", ["pack", "--json", "--pack-destination", folder, ...workspaces], { cwd: tree });
  // npm 11 answers with a list, later ones with an object by name.
  const answers = Object.values(JSON.parse(said.slice(said.search(/^[[{]/m))) as Record<string, Answer>);
  return names.map((name) => {
    const answer = answers.find((one) => one.name === name);
    if (answer === undefined) throw new Error(`npm pack said: ${said}`);
    const { filename, version, files, unpackedSize } = answer;
    const tarball = join(folder, filename);
    return { name, tarball, version, files: files.map(({ path }) => path), unpackedBytes: unpackedSize };
  });
}

interface Answer {
  readonly name: string;
  readonly filename: string;
  readonly version: string;
  readonly files: readonly { readonly path: string }[];
  readonly unpackedSize: number;
}
