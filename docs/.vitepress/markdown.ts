/** How the site renders the repository's Markdown, where GitHub and the site differ. */
import { posix } from "node:path";
import process from "node:process";
import type { MarkdownRenderer } from "vitepress";
import { isInstallation, packageManagers, translateCommands } from "./package-managers.ts";
import { pageFile, siteLink } from "./pages.ts";

const root = process.cwd();

/** It is no page of VitePress: scripts/docs.ts builds it. */
const playground = "/playground/";

/** Lines that are longer may not fit, characters: their block gets a button that wraps them. */
const lineLengthMax = 84;

type Fence = NonNullable<MarkdownRenderer["renderer"]["rules"]["fence"]>;
type Token = Parameters<Fence>[0][number];

/**
 * Changes a renderer: links lead to pages of the site, diagrams are drawn, commands of npm have the other package managers
 * beside them, and long lines of code can be wrapped.
 *
 * @param sources where the repository's files can be read.
 */
export function readAsGitHub(md: MarkdownRenderer, sources: string): void {
  md.core.ruler.push("site-links", ({ tokens, env }) => {
    const { realPath, path } = env as { realPath?: string; path: string };
    const from = posix.relative(root, realPath ?? path);
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === "link_open" ? token.attrGet("href") : null;
      if (href === null) continue;
      const link = siteLink(href, from, sources);
      token.attrSet("href", link);
      if (!link.startsWith(playground)) continue;
      // The browser has to load it, so VitePress adds no base to it.
      const toFolder = posix.relative(posix.dirname(`/${pageFile(from)}`), playground);
      token.attrSet("href", `${toFolder}/${link.slice(playground.length)}`);
      token.attrSet("target", "_self");
    }
  });
  const { fence } = md.renderer.rules as { fence: Fence };
  const renderBlock: Fence = (tokens, index, ...rest) => wrappable(tokens[index]!, fence(tokens, index, ...rest));
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const token = tokens[index]!;
    const language = token.info.trim();
    if (language === "mermaid") {
      return `<MermaidDiagram text="${md.utils.escapeHtml(encodeURIComponent(token.content))}" />`;
    }
    if (language !== "sh" || !isInstallation(token.content)) return renderBlock(tokens, index, ...rest);
    return packageTabs(index, (token) => renderBlock([token], 0, ...rest), token);
  };
  // Code that is set apart by four spaces looks like any other.
  md.renderer.rules.code_block = md.renderer.rules.fence;
}

/** A block for each package manager, as VitePress has its groups of code. */
function packageTabs(index: number, render: (token: Token) => string, token: Token): string {
  const tabs = packageManagers.map((manager, place) => {
    const id = `packages-${index}-${manager}`;
    const checked = place === 0 ? " checked" : "";
    return (
      `<input type="radio" name="packages-${index}" id="${id}" data-manager="${manager}"${checked}>` +
      `<label data-title="${manager}" for="${id}">${manager}</label>`
    );
  });
  const blocks = packageManagers.map((manager, place) => {
    const info = place === 0 ? "sh active" : "sh";
    return render(
      Object.assign(Object.create(token) as Token, { info, content: translateCommands(token.content, manager) }),
    );
  });
  const group = `<div class="tabs" role="radiogroup" aria-label="Package manager">${tabs.join("")}</div>`;
  return `<div class="vp-code-group">${group}<div class="blocks">${blocks.join("")}</div></div>\n`;
}

const copyButton = '<button title="Copy Code" class="copy"></button>';
const wrapButton = '<button type="button" class="wrap" title="Wrap long lines, or not">Wrap</button>';

function wrappable({ content }: Token, html: string): string {
  const isLong = content.split("\n").some(({ length }) => length > lineLengthMax);
  return isLong ? html.replace(copyButton, copyButton + wrapButton) : html;
}
