/**
 * Writes what pages say of all stores, from the kits: the lists behind marks `<!-- stores -->` … `<!-- /stores -->` of the README and
 * of pages, and docs/tested.md, the matrix of suites and stores. With `--check`, fails if they differ.
 */
import { readFileSync } from "node:fs";
import type { StoreKit } from "../packages/once-again/src/stores/kit.ts";
import { storeKits } from "../packages/once-again/src/stores/kits.ts";
import { type SuiteName, suites, type TestedStore, verdictOf } from "../test/kits/store-kit.ts";
import { testedStores } from "../test/kits/stores/index.ts";
import { markdownTable } from "./markdown-table.ts";
import { update } from "../test/support/update.ts";

const served = storeKits.filter(({ name }) => name !== "memory");
const all = (kits: readonly StoreKit[]): string => kits.map(({ title }) => title).join(", ");
const either = (kits: readonly StoreKit[]): string => all(kits).replace(/, ([^,]*)$/, " or $1");

/** The list between the marks of each page. */
const pages: Readonly<Record<string, string>> = {
  "README.md": `[${all(served)}](docs/guides/choosing-a-store.md)`,
  "docs/README.md": storeKits
    .flatMap(({ name, entries = [] }) => [name, ...entries.map((entry) => `${name}/${entry}`)])
    .map((name) => `\`/${name}\``)
    .join(", "),
  "docs/home.md": `\n\n${served.map(({ title, page }) => `- [${title}](${page})`).join("\n")}\n\n`,
  "packages/gateway/README.md": either(served),
  "docs/guides/create.md": storeKits.flatMap(({ name, create }) => (create ? [`\`${name}\``] : [])).join(", "),
  "docs/guides/console.md": all(served),
  "docs/guides/testing.md": all(storeKits),
  "CHANGELOG.md": `[${all(served)}](docs/guides/choosing-a-store.md)`,
};

for (const [page, list] of Object.entries(pages)) {
  const text = readFileSync(page, "utf8");
  if (!text.includes("<!-- stores -->")) throw new Error(`${page} has no mark of the list of stores.`);
  update(
    page,
    text.replace(/(<!-- stores -->)[^]*?(<!-- \/stores -->)/, (_, from: string, to: string) => from + list + to),
  );
}

const reasons: string[] = [];
function cell(name: SuiteName, tested: TestedStore): string {
  const verdict = verdictOf(name, tested);
  if (verdict === "runs") return "yes";
  const reason =
    tested.without[name] === undefined ? `It ${verdict.reason}.` : `${tested.kit.title}: ${verdict.reason}.`;
  if (!reasons.includes(reason)) reasons.push(reason);
  return `no (${reasons.indexOf(reason) + 1})`;
}
const names = Object.keys(suites) as SuiteName[];
const table = markdownTable(
  ["suite", ...testedStores.map(({ kit }) => kit.title)],
  names.map((name) => [suites[name].title, ...testedStores.map((tested) => cell(name, tested))]),
);
update(
  "docs/tested.md",
  `# What is tested with what

Each suite runs over every store that can have it, on each of its servers, through each of its clients. This table comes from the kits
(\`test/kits/stores\`) that say so to the suites: \`npm run generate\`.

## Stores

${table.join("\n")}

${reasons.map((reason, index) => `${index + 1}. ${reason}\n`).join("")}`,
);
