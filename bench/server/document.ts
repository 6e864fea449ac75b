/** Writes docs/performance.md's section on servers, and its picture, from bench/results/server.json; `--check` compares. */
import { readFileSync } from "node:fs";
import { update } from "../../test/support/update.ts";
import { markdownTable, updateSection } from "../page.ts";
import { plot } from "./plot.ts";
import { cellsOf, figureNames, type ServerResults } from "./report.ts";

const results = JSON.parse(readFileSync("bench/results/server.json", "utf8")) as ServerResults;
const { measured, versions } = results;

const groups = [...new Set(measured.map(({ framework, store }) => `${framework} + ${store}`))];
const tables = groups.map((group) => {
  const rows = measured.filter(({ framework, store }) => `${framework} + ${store}` === group);
  return `### ${group}\n\n${markdownTable(
    [group, ...figureNames],
    rows.map((row) => [row.name, ...cellsOf(row)]),
  )}`;
});

updateSection(
  "server",
  `
Measured on ${results.date}: Node ${results.node.replace("v", "")}, ${results.cores} cores (${results.cpu}), ${results.memoryGiB} GiB; ${results.rounds} rounds of
${results.milliseconds} ms for each figure, ${results.connections} connections.

${Object.entries(versions)
  .map(([name, version]) => `- ${name} ${version}`)
  .join("\n")}

![Requests per second with idempotency keys, as a ratio to the same server without](images/server-speed.svg)

${tables.join("\n\n")}
`,
);
update("docs/images/server-speed.svg", plot(measured));
