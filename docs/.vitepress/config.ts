/**
 * The site of the documentation. Its pages are those of the repository, as they stand: `pages.ts` says where each goes.
 * `npm run docs:build` (scripts/docs.ts) writes the API reference first, and looks for dead links in the end.
 */
import { readFileSync } from "node:fs";
import { defineConfig } from "vitepress";
import { readAsGitHub } from "./markdown.ts";
import { pageFile, placeName } from "./pages.ts";
import { sidebar } from "./sidebar.ts";

const { description, repository, version } = JSON.parse(readFileSync("packages/once-again/package.json", "utf8")) as {
  readonly description: string;
  readonly repository: { readonly url: string };
  readonly version: string;
};
const home = repository.url.replaceAll(/^git\+|\.git$/g, "");

export default defineConfig({
  title: "once-again",
  description,
  lang: "en",
  srcDir: "..",
  // The pages beside the README and those of docs/; the other folders have notes for who works in them.
  srcExclude: ["!(docs)/**/*"],
  rewrites: pageFile,
  outDir: "../site",
  vite: {
    publicDir: "docs/.vitepress/public",
    // The index of the full-text search, which is loaded when one searches.
    build: { target: "es2022", chunkSizeWarningLimit: 3000 },
  },
  transformHead: ({ siteData }) => [["link", { rel: "icon", href: `${siteData.base}icon.svg` }]],
  markdown: {
    anchor: { slugify: placeName },
    // Their comments have enough contrast for small text.
    theme: { light: "github-light-high-contrast", dark: "github-dark-default" },
    config: (md) => readAsGitHub(md, `${home}/blob/main`),
  },
  lastUpdated: true,
  // The reference is generated from comments, so it has no page to edit.
  transformPageData: ({ filePath, frontmatter }) => {
    if (filePath.startsWith("docs/api/")) Object.assign(frontmatter, { editLink: false, lastUpdated: false });
  },
  themeConfig: {
    logo: "/icon.svg",
    nav: [
      { text: "Start", link: "/start" },
      { text: "Guides", link: "/overview" },
      { text: "API", link: "/api/" },
      { text: "Playground", link: "/playground/", target: "_self" },
      {
        text: "Behind it",
        items: [
          { text: "Proof", link: "/verification" },
          { text: "Performance", link: "/performance" },
          { text: "Architecture", link: "/architecture" },
          { text: "Decisions", link: "/decisions/" },
        ],
      },
      {
        text: version,
        items: [
          { text: "Changelog", link: "/changelog" },
          { text: "Upgrading", link: "/upgrading" },
          { text: "All releases", link: `${home}/releases` },
        ],
      },
    ],
    editLink: { pattern: `${home}/edit/main/:path`, text: "Edit this page" },
    lastUpdated: { text: "Last updated", formatOptions: { dateStyle: "long" } },
    sidebar,
    outline: [2, 3],
    search: {
      provider: "local",
      options: {
        // Who searches for a word wants to read of it first, and then look it up.
        miniSearch: {
          searchOptions: { boostDocument: (page: string) => (/^\/(api|decisions)\//.test(page) ? 0.3 : 1) },
        },
      },
    },
    socialLinks: [{ icon: "github", link: home }],
  },
});
