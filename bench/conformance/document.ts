/** Writes the tables of docs/others.md from bench/results/conformance.json; `--check` compares. */
import { readFileSync } from "node:fs";
import { markdownTable, updateSection } from "../page.ts";
import type { ConformanceResult, ConformanceResults } from "./results.ts";

const results = JSON.parse(readFileSync("bench/results/conformance.json", "utf8")) as ConformanceResults;

const nameOf = ({ name, version, option }: ConformanceResult): string =>
  `${name} ${version}${option === undefined ? "" : `, \`${option}\``}`;

const counts = markdownTable(
  ["library", "passed", "failed", "warned", "not applicable"],
  results.libraries.map((one) => [
    nameOf(one),
    ...[one.passed, one.failed.length, one.warned, one.notApplicable].map(String),
  ]),
);

const link = (id: string): string => `[${id}](guides/verifying.md#${id.toLowerCase()})`;

const lists = results.libraries.map((one) => {
  const failed = one.failed.map(({ id, title }) => `- ${link(id)} ${title.replaceAll(/[_*]/g, String.raw`\$&`)}`);
  return [`### ${nameOf(one)}`, "", ...(failed.length === 0 ? ["No case failed."] : failed)].join("\n");
});

const run = `Run on ${results.date} with Node ${results.node}, by version ${results.suite} of the suite.`;
updateSection("others", [counts, run, ...lists].join("\n\n"), "docs/others.md");
