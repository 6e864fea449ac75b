/** Writes the gateway's table into docs/performance.md, and its goals into their decision, from bench/results/gateway.json; `--check` compares. */
import { readFileSync } from "node:fs";
import { goalsPage, updateSection } from "../page.ts";
import { gatewayGoals, type GatewayResults, gatewayTable } from "./report.ts";

const results = JSON.parse(readFileSync("bench/results/gateway.json", "utf8")) as GatewayResults;
const { date, node, cores, cpu, memoryGiB, load, rounds, milliseconds, connections, versions } = results;

updateSection(
  "gateway",
  `
Measured on ${date}: Node ${node.replace("v", "")}, ${cores} cores (${cpu}), ${memoryGiB} GiB, load average ${load} at
the end; ${rounds} rounds of ${milliseconds} ms for each figure, ${connections} connections.

${Object.entries(versions)
  .map(([name, version]) => `- ${name} ${version}`)
  .join("\n")}

${gatewayTable(results)}
`,
);
updateSection("gateway-goals", gatewayGoals(results), goalsPage);
