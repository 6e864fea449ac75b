/** `npm run pack`: makes the packages as they would be published, for programs that are not in this repository. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { packPackages } from "../test/support/built-packages.ts";
import { command, exitCodes, printJson, progressLine } from "../test/support/command.ts";
import { packages } from "./entries.ts";

const help = `npm run pack -- [--out FOLDER] [--json]

Builds the packages of this clone, packs each into a tarball, and prints the lines that install them in a folder of yours.

  --out FOLDER  where to; default dist/packages
  --json        one JSON document: the tarballs, and the lines

Example:
  $ npm run pack -- --out /tmp/once-again`;

/** The library first. */
const names = Object.values(packages).map(({ name }) => name);

const options = { out: { type: "string" }, json: { type: "boolean" } } as const;

await command(help, options, async ({ out = "dist/packages", json }) => {
  const destination = resolve(out);
  await mkdir(destination, { recursive: true });
  const folder = await mkdtemp(join(tmpdir(), "once-again-pack-"));
  const progress = progressLine();
  try {
    progress.say("builds the packages");
    const packed = await packPackages(folder, names, destination);
    progress.clear();
    const line = (tarballs: readonly string[]): string => ["npm install", ...tarballs.map(quoted)].join(" ");
    const tarballs = packed.map(({ tarball }) => tarball);
    const install = { library: line(tarballs.slice(0, 1)), all: line(tarballs) };
    if (json === true) printJson({ packages: packed, install });
    else process.stdout.write(textOf(install));
    return exitCodes.fine;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

function textOf({ library, all }: { library: string; all: string }): string {
  return `The library, in place of "npm install once-again":

  ${library}

All packages, for npx and npm create too:

  ${all}
`;
}

/** A path as a shell takes it for one word. */
function quoted(path: string): string {
  return /^[\w./:\\-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
