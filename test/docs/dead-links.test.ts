import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { deadLinks } from "../../scripts/dead-links.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

test("a link to a page, a place or a picture that is not there is found, and no other", async () => {
  const site = temporaryFolder();
  mkdirSync(join(site, "guides"));
  writeFileSync(join(site, "style.css"), "");
  writeFileSync(
    join(site, "index.html"),
    '<link href="style.css"><a href="guides/a b.html#top">A</a><p id="here" data-places="drawn later">',
  );
  writeFileSync(
    join(site, "guides/a b.html"),
    '<h1 id="top"><a href="../index.html#here"><a href="../"><a href="#top"><a href="../#drawn"><a href="../#later"><a href="https://elsewhere.example/x">' +
      '<a href="../index.html#gone"><a href="missing.html"><img src="missing.svg"><a href="#lost">',
  );
  expect(await deadLinks(site)).toEqual(
    ["../index.html#gone", "missing.html", "#lost", "missing.svg"].map(
      (link) => `guides/a b.html: ${link} leads nowhere`,
    ),
  );
});
