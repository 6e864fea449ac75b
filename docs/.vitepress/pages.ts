/**
 * Where a page of the repository stands on the site, and where its links lead there. The pages themselves are plain
 * Markdown, with links that work on GitHub; nothing in them is written for the site.
 */
import { existsSync, readFileSync } from "node:fs";
import { posix } from "node:path";

/** Where the site stands, as the pages of the repository link to it. */
const site = "https://once-again-js.github.io/once-again";

/** The site has a front page, docs/home.md; the repository's own is where one starts. */
const renamedPages: Readonly<Record<string, string>> = {
  "docs/home.md": "index.md",
  "README.md": "start.md",
  "docs/README.md": "overview.md",
};

/** The file of a page within the site, for its file within the repository. */
export function pageFile(file: string): string {
  const renamed = renamedPages[file];
  if (renamed !== undefined) return renamed;
  const { dir, base } = posix.parse(file.replace(/^docs\//, ""));
  return posix.join(dir, base === "README.md" ? "index.md" : dir === "" ? base.toLowerCase() : base);
}

/** Whether a file is a page of the site: those beside the README, and those of docs/. */
function isPage(file: string): boolean {
  return /^(docs\/.*|[^/]*)\.md$/.test(file);
}

/** The path of a page within the site, without the `.html` that the site adds. */
export function pagePath(file: string): string {
  return `/${pageFile(file)}`.replace(/\.md$/, "").replace(/\/index$/, "/");
}

/**
 * Where a link of a page leads on the site: to a page of the site, or to a file that only the repository has.
 *
 * @param href the link, as the page has it.
 * @param from the page's file within the repository.
 * @param sources where the repository's files can be read.
 */
export function siteLink(href: string, from: string, sources: string): string {
  if (href.startsWith(`${site}/`)) return href.slice(site.length);
  if (/^(#|\/|[a-z]+:)/.test(href)) return href;
  const [path = "", place] = href.split("#");
  const file = posix.join(posix.dirname(from), decodeURI(path));
  // A page that is not there is left as it is, for the check of dead links to find.
  if (!existsSync(file)) return href;
  const target = isPage(file) ? pagePath(file) : `${sources}/${file}`;
  return place === undefined ? target : `${target}#${place}`;
}

/** The name by which a link leads to a heading: GitHub's, so that one link works there and on the site. */
export function placeName(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, "")
    .replaceAll(" ", "-");
}

/** The heading of a page, as text. */
export function pageTitle(file: string): string {
  const heading = /^# (.+)$/m.exec(readFileSync(file, "utf8"))?.[1];
  if (heading === undefined) throw new Error(`${file} has no heading.`);
  return heading.replaceAll(/[`*\\]/g, "");
}
