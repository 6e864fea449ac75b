/** Writes the tables of docs/performance.md's section on clients from bench/results/client.json; `--check` compares. */
import { readFileSync } from "node:fs";
import { markdownTable, updateSection } from "../page.ts";
import { callerCells, type ClientResults, loopCells } from "./report.ts";

const { callers, loops, versions, ...ground } = JSON.parse(
  readFileSync("bench/results/client.json", "utf8"),
) as ClientResults;

const named = (name: string): string => {
  const version = versions[name];
  if (/once-again|retryingFetch/.test(name)) return `**${name}**`;
  return version === undefined ? name : `${name} ${version}`;
};

updateSection(
  "client-loops",
  markdownTable(
    ["once", "success, ns", "of bare await", "bytes", "three failures, ns", "bytes"],
    loops.map((row) => [named(row.name), ...loopCells(row)]),
  ),
);

updateSection(
  "client-http",
  `
Measured on ${ground.date}: Node ${ground.node.replace("v", "")}, undici ${versions["undici"]}, ${ground.cores} cores (${ground.cpu}); ${ground.rounds} rounds.

${markdownTable(
  ["client", "requests/s", "ratio", "from to", "µs of it", "ratio", "from to", "of"],
  callers.map((row) => [named(row.name), ...callerCells(row)]),
)}
`,
);
