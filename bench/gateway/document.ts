/** Writes docs/performance.md's table on the gateway from bench/results/gateway.json, where there is one; `--check` compares. */
import { existsSync, readFileSync } from "node:fs";
import { updateSection } from "../page.ts";
import { type GatewayResults, gatewayTable } from "./report.ts";

const file = "bench/results/gateway.json";

function section(): string {
  if (!existsSync(file)) return "Not measured on a quiet machine yet.";
  const results = JSON.parse(readFileSync(file, "utf8")) as GatewayResults;
  const { date, node, cores, cpu, memoryGiB, load, rounds, milliseconds, connections, versions } = results;
  return `
Measured on ${date}: Node ${node.replace("v", "")}, ${cores} cores (${cpu}), ${memoryGiB} GiB, load average ${load} at
the end; ${rounds} rounds of ${milliseconds} ms for each figure, ${connections} connections.

${Object.entries(versions)
  .map(([name, version]) => `- ${name} ${version}`)
  .join("\n")}

${gatewayTable(results)}
`;
}

updateSection("gateway", section());
