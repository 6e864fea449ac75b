/**
 * The site of the documentation. Its pages are those of the repository, as they stand: `pages.ts` says where each goes.
 * `npm run docs:build` (scripts/docs.ts) writes the API reference first, and looks for dead links in the end.
 */
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import type { MarkdownRenderer } from "vitepress";
import { defineConfig } from "vitepress";
import { pageFile, placeName, siteLink } from "./pages.ts";
import { sidebar } from "./sidebar.ts";

const { description, repository } = JSON.parse(readFileSync("packages/once-again/package.json", "utf8")) as {
  readonly description: string;
  readonly repository: { readonly url: string };
};
const home = repository.url.replaceAll(/^git\+|\.git$/g, "");
const root = process.cwd();

/** Links as the repository has them, and diagrams. */
function readAsGitHub(md: MarkdownRenderer): void {
  md.core.ruler.push("site-links", ({ tokens, env }) => {
    const { realPath, path } = env as { realPath?: string; path: string };
    const from = posix.relative(root, realPath ?? path);
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === "link_open" ? token.attrGet("href") : null;
      if (href !== null) token.attrSet("href", siteLink(href, from, `${home}/blob/main`));
    }
  });
  const { fence } = md.renderer.rules;
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const { info = "", content = "" } = tokens[index] ?? {};
    if (info.trim() !== "mermaid") return fence?.(tokens, index, ...rest) ?? "";
    return `<MermaidDiagram text="${md.utils.escapeHtml(encodeURIComponent(content))}" />`;
  };
  // Code that is set apart by four spaces looks like any other.
  md.renderer.rules.code_block = md.renderer.rules.fence;
}

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
  head: [["link", { rel: "icon", href: "/icon.svg" }]],
  markdown: { anchor: { slugify: placeName }, config: readAsGitHub },
  themeConfig: {
    logo: "/icon.svg",
    nav: [
      { text: "Concepts", link: "/concepts" },
      { text: "Guides", link: "/overview" },
      { text: "API", link: "/api/" },
      { text: "Errors", link: "/errors/" },
      { text: "Proof", link: "/verification" },
      { text: "Performance", link: "/performance" },
      { text: "Decisions", link: "/decisions/" },
    ],
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
