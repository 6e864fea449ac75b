/**
 * Before a package is packed, in its folder: copies the pages that it ships from the root of the repository. Git ignores
 * the copies. A link from them to anything that is not shipped leads to the repository.
 *
 *   node ../../scripts/pages.ts README.md LICENSE docs/errors
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";
import process from "node:process";

const root = "../..";
const { repository } = JSON.parse(readFileSync("package.json", "utf8")) as { repository: { url: string } };
const home = `${repository.url.replace(/^git\+|\.git$/g, "")}/blob/main`;

const pages = process.argv.slice(2).flatMap((path) => {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  const entries = readdirSync(join(root, path), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => posix.join(relative(root, parentPath).replaceAll("\\", "/"), name));
});

for (const page of pages) {
  const whole = readFileSync(join(root, page), "utf8");
  const text = !page.endsWith(".md")
    ? whole
    : whole.replaceAll(/\]\((?!https?:|#)([^)\s#]+)/g, (link, path: string) => {
        const target = posix.join(posix.dirname(page), path);
        return pages.includes(target) ? link : `](${home}/${target}`;
      });
  mkdirSync(dirname(page), { recursive: true });
  writeFileSync(page, text);
}
