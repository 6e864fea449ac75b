import { expect, test } from "vitest";
import { pageFile, placeName, siteLink } from "../../docs/.vitepress/pages.ts";

test.each([
  ["docs/home.md", "index.md"],
  ["README.md", "start.md"],
  ["CHANGELOG.md", "changelog.md"],
  ["docs/README.md", "overview.md"],
  ["docs/architecture.md", "architecture.md"],
  ["docs/guides/calling.md", "guides/calling.md"],
  ["docs/errors/README.md", "errors/index.md"],
  ["docs/errors/ONCE_CLOSED.md", "errors/ONCE_CLOSED.md"],
])("%s is %s on the site", (file, page) => {
  expect(pageFile(file)).toBe(page);
});

test.each([
  ["docs/guides/calling.md#keys", "README.md", "/guides/calling#keys"],
  ["../../README.md", "docs/guides/calling.md", "/start"],
  ["README.md", "docs/architecture.md", "/overview"],
  ["errors/README.md", "docs/README.md", "/errors/"],
  ["../test/support", "docs/architecture.md", "https://forge.example/main/test/support"],
  ["packages/tools/README.md", "README.md", "https://forge.example/main/packages/tools/README.md"],
  ["https://once-again-js.github.io/once-again/playground/#lab", "README.md", "/playground/#lab"],
  ["#keys", "docs/guides/calling.md", "#keys"],
  ["https://www.rfc-editor.org/rfc/rfc9110", "README.md", "https://www.rfc-editor.org/rfc/rfc9110"],
  ["not-there.md", "docs/README.md", "not-there.md"],
])("the link %s of %s leads to %s", (href, from, to) => {
  expect(siteLink(href, from, "https://forge.example/main")).toBe(to);
});

test.each([
  ["What's in `retry()`?", "whats-in-retry"],
  ["Express, Fastify – and Koa", "express-fastify--and-koa"],
  ["ONCE_CLOSED", "once_closed"],
])("the heading %s is the place %s, as on GitHub", (heading, place) => {
  expect(placeName(heading)).toBe(place);
});
