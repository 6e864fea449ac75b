/** Writes the `exports` of each package from scripts/entries.ts; with `--check`, fails if they differ. */
import { readFileSync } from "node:fs";
import { builtOf, packages } from "./entries.ts";
import { update } from "../test/support/update.ts";

for (const [folder, { entries, bundles }] of Object.entries(packages)) {
  const file = `${folder}/package.json`;
  const manifest = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  const exports = Object.entries(entries).map(([subpath, source]) => {
    const built = builtOf(source);
    // The first that fits is taken: bundlers for Node follow both conditions, and can leave out module files one by one.
    const forNode = bundles === undefined ? {} : { module: built, node: builtOf(source, bundles) };
    const types = built.replace(/\.js$/, ".d.ts");
    return [subpath, { "@once-again/source": `./${source}`, types, ...forNode, default: built }];
  });
  manifest["exports"] = { ...Object.fromEntries(exports), "./package.json": "./package.json" };
  update(file, `${JSON.stringify(manifest, undefined, 2)}\n`);
}
