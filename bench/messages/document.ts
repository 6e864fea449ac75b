/** Writes the tables on messages into docs/performance.md, and their goals into their decision, from bench/results/messages.json; `--check` compares. */
import { readFileSync } from "node:fs";
import { goalsPage, updateSection } from "../page.ts";
import { messageGoals, type MessageResults, messageTables } from "./report.ts";

const results = JSON.parse(readFileSync("bench/results/messages.json", "utf8")) as MessageResults;

updateSection(
  "messages",
  `
Measured on ${results.date}: Node ${results.node.replace("v", "")}, ${results.cores} cores (${results.cpu}), ${results.memoryGiB} GiB, which other work
shared: load average ${results.load}. ${results.rounds} rounds; ${results.milliseconds} ms for each paced figure.

${Object.entries(results.versions)
  .map(([name, version]) => `- ${name} ${version}`)
  .join("\n")}

${messageTables(results)}
`,
);
updateSection("messages-goals", messageGoals(results), goalsPage);
