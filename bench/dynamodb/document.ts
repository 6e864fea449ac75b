/** Writes the prices of docs/guides/dynamodb.md from bench/results/dynamodb.json; `--check` compares. */
import { readFileSync } from "node:fs";
import { markdownTable, updateSection } from "../page.ts";
import type { DynamodbResults, Price } from "./results.ts";

const { date, node, cpu, cores, load, powertools, ways } = JSON.parse(
  readFileSync("bench/results/dynamodb.json", "utf8"),
) as DynamodbResults;

const head = ["", "requests", "read units", "write units", "processor"];
const row = (name: string, { requests, readUnits, writeUnits, processorMs }: Price & { processorMs: number }) => [
  name,
  requests.join("; "),
  String(readUnits),
  String(writeUnits),
  `${processorMs.toFixed(2)} ms`,
];

updateSection(
  "dynamodb prices",
  `
Measured on ${date} with moto: Node ${node.replace("v", "")}, Powertools ${powertools}, ${cores} cores (${cpu}), which other work shared: load
average ${load}. Items of less than 1 KB.

${markdownTable(
  head,
  ways.flatMap(({ name, first, repeat, elsewhere }) => [
    row(`${name}: a first call`, first),
    row(`${name}: a repeat`, repeat),
    row(`${name}: a repeat in another process`, elsewhere),
  ]),
)}
`,
  "docs/guides/dynamodb.md",
);
