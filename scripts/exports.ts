/** Writes the `exports` of package.json from scripts/entries.ts; with `--check`, fails if they differ. */
import { readFileSync } from "node:fs";
import { entries } from "./entries.ts";
import { update } from "./update.ts";

const manifest = JSON.parse(readFileSync("package.json", "utf8")) as Record<string, unknown>;

manifest["exports"] = {
  ...Object.fromEntries(
    Object.entries(entries).map(([subpath, source]) => {
      const built = source.replace("src/", "./dist/").replace(/\.ts$/, "");
      return [subpath, { "@once-again/source": `./${source}`, types: `${built}.d.ts`, default: `${built}.js` }];
    }),
  ),
  "./package.json": "./package.json",
};

update("package.json", `${JSON.stringify(manifest, undefined, 2)}\n`);
