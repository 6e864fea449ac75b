/** Writes the `exports` of each package from scripts/entries.ts; with `--check`, fails if they differ. */
import { readFileSync } from "node:fs";
import { packages } from "./entries.ts";
import { update } from "../test/support/update.ts";

for (const [folder, { entries }] of Object.entries(packages)) {
  const file = `${folder}/package.json`;
  const manifest = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  const exports = Object.entries(entries).map(([subpath, source]) => {
    const built = source.replace("src/", "./dist/").replace(/\.ts$/, "");
    return [subpath, { "@once-again/source": `./${source}`, types: `${built}.d.ts`, default: `${built}.js` }];
  });
  manifest["exports"] = { ...Object.fromEntries(exports), "./package.json": "./package.json" };
  update(file, `${JSON.stringify(manifest, undefined, 2)}\n`);
}
