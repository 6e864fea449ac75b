/** Writes what keys cost a server into docs/performance.md, and all figures and the picture into its own page, from bench/results/server.json; `--check` compares. */
import { readFileSync } from "node:fs";
import { update } from "../../test/support/update.ts";
import { markdownTable, updateSection } from "../page.ts";
import { isAgain } from "./catalog.ts";
import { groupsOf } from "./group.ts";
import { plot } from "./plot.ts";
import { baselinesOf, cellsOf, columns, costTable, type ServerResults } from "./report.ts";

const results = JSON.parse(readFileSync("bench/results/server.json", "utf8")) as ServerResults;
const { measured, versions } = results;

const { head, rows } = costTable(measured);
updateSection("server-costs", markdownTable(head, rows));

const tables = groupsOf(measured).map((group) => {
  const table = markdownTable(
    [group.title, ...columns],
    group.rows.map((row) => [row.name, ...cellsOf(group, row)]),
  );
  return `## ${group.title}\n\n${baselinesOf(group).join("\n")}\n\n${table}`;
});

updateSection(
  "server",
  `
Measured on ${results.date}: Node ${results.node.replace("v", "")}, ${results.cores} cores (${results.cpu}), ${results.memoryGiB} GiB; ${results.rounds} rounds of
${results.milliseconds} ms for each figure, ${results.connections} connections.

${Object.entries(versions)
  .map(([name, version]) => `- ${name} ${version}`)
  .join("\n")}

![Requests per second with idempotency keys, as a ratio to the same server without](../images/server-speed.svg)

${tables.join("\n\n")}
`,
  "docs/performance/server.md",
);
update("docs/images/server-speed.svg", plot(measured.filter(({ name }) => !isAgain(name))));
