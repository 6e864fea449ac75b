import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Our packages, by what they are imported as. */
const ours = {
  "once-again": "packages/once-again",
  "@once-again/testing": "packages/testing",
  "@once-again/gateway": "packages/gateway",
  "create-once-again": "packages/create-once-again",
  "@once-again/tools": "packages/tools",
};

/** Lends a copy of this repository what is installed here, but for our own packages: those are the copy's. */
export async function lendModules(copy: string): Promise<void> {
  const { workspaces } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { workspaces: string[] };
  for (const place of ["", ...workspaces].filter((place) => existsSync(join(copy, place)))) {
    const modules = join(root, place, "node_modules");
    if (!existsSync(modules)) continue;
    await mkdir(join(copy, place, "node_modules"));
    for (const name of await readdir(modules)) {
      if (name in ours || name === "@once-again") continue;
      await symlink(join(modules, name), join(copy, place, "node_modules", name));
    }
  }
  await mkdir(join(copy, "node_modules/@once-again"));
  for (const [name, place] of Object.entries(ours)) {
    await symlink(join(copy, place), join(copy, "node_modules", name));
  }
}
