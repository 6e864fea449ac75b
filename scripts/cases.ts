/** Writes the cases of `once-again verify` and `verify mcp` into their guides; with `--check`, fails if they differ. */
import { readFileSync } from "node:fs";
import {
  type ConformanceCase,
  conformanceCases,
  groups,
  mcpCases,
  mcpGroups,
  mcpProfiles,
  type VerifyProfile,
  verifyProfiles,
} from "../packages/tools/src/verify/index.ts";
import { faults, faultSources } from "../conformance/faults/faults.ts";
import { update } from "../test/support/update.ts";
import { markdownTable } from "./markdown-table.ts";

const page = "docs/guides/verifying.md";
const mark = "<!-- cases -->\n";

const ownRule = /once-again@0\/docs\/guides\/verifying(?:-mcp)?\.md#/;

/** All cases: the draft's, and those that only one profile has. */
const cases = [...conformanceCases, ...Object.values(verifyProfiles).flatMap((profile) => profile.cases)];

/** A group of cases, one under the other. */
function section(name: string, cases: readonly Pick<ConformanceCase, "id" | "title" | "reason" | "rule">[]): string {
  const described = cases.map(({ id, title, reason, rule }) => {
    const link = ownRule.test(rule) ? "" : ` ([rule](${rule}))`;
    return `#### ${id}\n\n**${escaped(title)}.** ${escaped(reason)}${link}\n`;
  });
  return [`### ${name}\n`, ...described].join("\n");
}

const sections = Object.entries(groups).map(([letter, name]) =>
  section(
    name,
    cases.filter(({ id }) => id[0] === letter),
  ),
);

/** Each sentence of a profile beside its cases. */
function sentenceTable(name: string, { title, url, sentences }: Omit<VerifyProfile, "cases">): string {
  const links = (ids: readonly string[]): string => ids.map((id) => `[${id}](#${id.toLowerCase()})`).join(" ");
  const rows = sentences.map(({ section, level, text, cases: ids, untested }) => [
    section,
    level,
    escaped(text),
    untested === undefined ? links(ids) : `none: ${untested}`,
  ]);
  return [
    `### Profile ${name}\n`,
    `[${title}](${url}), sentence by sentence:\n`,
    ...markdownTable(["section", "level", "what it asks for", "cases"], rows),
    "",
  ].join("\n");
}

/** Characters that Markdown would take for its own. */
function escaped(text: string): string {
  return text.replaceAll(/[_*]/g, String.raw`\$&`);
}

const tables = Object.entries(verifyProfiles).map(([name, profile]) => sentenceTable(name, profile));
const [before] = readFileSync(page, "utf8").split(mark);
update(page, `${before}${mark}\n${[...sections, ...tables].join("\n")}`);

const mcpPage = "docs/guides/verifying-mcp.md";
const mcpSections = Object.entries(mcpGroups).map(([letter, name]) =>
  section(
    name,
    [...mcpCases, ...Object.values(mcpProfiles).flatMap((profile) => profile.cases)].filter(
      ({ id }) => id[1] === letter,
    ),
  ),
);
const mcpTables = Object.entries(mcpProfiles).map(([name, profile]) => sentenceTable(name, profile));
const [beforeMcp] = readFileSync(mcpPage, "utf8").split(mark);
update(mcpPage, `${beforeMcp}${mark}\n${[...mcpSections, ...mcpTables].join("\n")}`);

/** Each source of faults, with those that re-create it and the case that must find each. */
const breaksOf = new Map(faults.map(({ name, breaks }) => [name, breaks]));
const sourceRows = faultSources.map(({ url, says, faults: names }) => [
  url === undefined
    ? "ours"
    : `[${url.replace("https://github.com/", "").replace(/\/(?:issues|pull)\//, "#")}](${url})`,
  escaped(says.replace("Our own: ", "")),
  names.map((name) => `${name} (${breaksOf.get(name)})`).join(", "),
]);
const faultsPage = "conformance/faults/README.md";
const [beforeFaults] = readFileSync(faultsPage, "utf8").split(mark);
const faultTable = markdownTable(["published in", "the bug", "faults, and the case that finds each"], sourceRows);
update(faultsPage, `${beforeFaults}${mark}\n${faultTable.join("\n")}\n`);
