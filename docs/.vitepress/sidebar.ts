/** The sidebar: the guides in an order for readers, the other folders as they are. */
import { readdirSync } from "node:fs";
import type { DefaultTheme } from "vitepress";
import { decisionTopics } from "../../scripts/decisions.ts";
import { pagePath, pageTitle } from "./pages.ts";

const guideGroups = {
  Call: ["calling", "layers-below", "intents", "browser", "interceptors", "sdks"],
  Serve: [
    "express-postgres",
    "create",
    "serving",
    "frameworks",
    "connect",
    "commonjs-and-jest",
    "aws-lambda",
    "cloudflare",
    "recipes",
    "functions",
    "agents",
    "gateway",
    "webhooks",
    "transactions",
    "orms",
    "choosing-a-store",
    "dynamodb",
    "unknown-outcomes",
    "security",
  ],
  Message: ["messages", "sqs", "kafka"],
  Test: ["testing", "verifying", "verifying-mcp", "judging", "writing-a-store", "storms", "storm-data"],
  Operate: ["observing", "console", "three-in-the-morning", "charged-twice", "scaling"],
};

const link = (file: string): DefaultTheme.SidebarItem => ({ text: pageTitle(file), link: pagePath(file) });

/** The pages of a folder and of those in it, but for its list. */
function folderLinks(folder: string): DefaultTheme.SidebarItem[] {
  return readdirSync(folder, { encoding: "utf8", recursive: true })
    .sort()
    .filter((file) => file.endsWith(".md") && file !== "README.md")
    .map((file) => link(`${folder}/${file}`));
}

function guideLinks(): DefaultTheme.SidebarItem[] {
  const files = new Set(readdirSync("docs/guides").map((file) => file.replace(/\.md$/, "")));
  const groups = Object.entries(guideGroups).map(([text, names]) => ({
    text,
    items: names.map((name) => {
      files.delete(name);
      return link(`docs/guides/${name}.md`);
    }),
  }));
  if (files.size > 0) throw new Error(`No group of docs/.vitepress/sidebar.ts has ${[...files].join(", ")}.`);
  return groups;
}

export const sidebar: DefaultTheme.SidebarMulti = {
  "/": [
    {
      text: "Start",
      items: [
        { text: "Quick start", link: pagePath("README.md") },
        link("docs/concepts.md"),
        link("docs/README.md"),
        link("docs/which.md"),
        link("docs/compatibility.md"),
        link("docs/faq.md"),
        link("docs/beside.md"),
        link("docs/others.md"),
        link("docs/learn/README.md"),
      ],
    },
    ...guideLinks(),
    {
      text: "Behind it",
      items: [
        link("docs/architecture.md"),
        link("docs/tested.md"),
        { ...link("docs/verification.md"), collapsed: true, items: folderLinks("docs/verification") },
        { ...link("docs/performance.md"), collapsed: true, items: folderLinks("docs/performance") },
        ...folderLinks("docs/spec"),
        link("docs/errors/README.md"),
        link("docs/runbooks/README.md"),
        link("docs/decisions/README.md"),
      ],
    },
    {
      text: "Project",
      items: ["UPGRADING", "CHANGELOG", "CONTRIBUTING", "CODE_OF_CONDUCT", "SECURITY"].map((name) =>
        link(`${name}.md`),
      ),
    },
  ],
  "/learn/": [{ ...link("docs/learn/README.md"), items: folderLinks("docs/learn") }],
  "/errors/": [{ ...link("docs/errors/README.md"), items: folderLinks("docs/errors") }],
  "/runbooks/": [{ ...link("docs/runbooks/README.md"), items: folderLinks("docs/runbooks") }],
  "/decisions/": [
    link("docs/decisions/README.md"),
    ...Object.entries(decisionTopics).map(([text, names]) => ({
      text,
      items: names.map((name) => link(`docs/decisions/${name}.md`)),
    })),
  ],
  "/api/": [{ text: "API", link: "/api/", items: folderLinks("docs/api") }],
};
