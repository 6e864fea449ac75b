import { globSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { expect, test } from "vitest";

// A reader has the page and npm. What a program of a page imports stands on that page, and its commands name no file of
// the repository, unless the page says that it needs a clone.

const pages = ["README.md", ...globSync("docs/{guides,runbooks}/*.md")].map((page) => ({
  page,
  text: readFileSync(page, "utf8"),
}));

/** Written by `npx prisma generate`, as the page says. */
const generated = new Set(["examples/orms/prisma/generated/client.ts"]);

test("what a page's programs import from beside them stands on the page", () => {
  const missing = pages.flatMap(({ page, text }) => {
    const programs = Array.from(text.matchAll(/<!-- example: (\S+) -->\n\n```\w+\n(.*?)^```/gms));
    const files = new Set(programs.map(([, file = ""]) => file));
    return programs.flatMap(([, file = "", program = ""]) =>
      Array.from(program.matchAll(/from "(\.{1,2}\/[^"]+)"/g), ([, path = ""]) => posix.join(posix.dirname(file), path))
        .filter((imported) => !files.has(imported) && !generated.has(imported))
        .map((imported) => `${page}: ${imported}`),
    );
  });
  expect(pages.length).toBeGreaterThan(25);
  expect(missing).toEqual([]);
});

test("a command that needs the repository stands on a page that says so", () => {
  const silent = pages
    .filter(({ text }) => !/\bclone\b/.test(text))
    .flatMap(({ page, text }) =>
      Array.from(text.matchAll(/^```(?:sh|console)\n(.*?)^```/gms), ([, block = ""]) => block)
        .filter((block) => /\bexamples\/|npm run example/.test(block))
        .map((block) => `${page}: ${block}`),
    );
  expect(silent).toEqual([]);
});

/** The pages on which people begin. */
const beginnings = ["README.md", "docs/README.md", "docs/home.md", "docs/guides/create.md"];

test("a page on which people begin says in one line that npm has no such package yet, until it has", () => {
  const [, heading = ""] = /^## (.*)$/m.exec(readFileSync("CHANGELOG.md", "utf8"))!;
  const isPublished = !heading.endsWith("(not published yet)");
  const lines = beginnings.map((page) => [page, readFileSync(page, "utf8").split("Not on npm yet: ").length - 1]);
  expect(lines).toEqual(beginnings.map((page) => [page, isPublished ? 0 : 1]));
});
