/** Writes the table of docs/beside.md from bench/results/beside.json; `--check` compares. */
import { readFileSync } from "node:fs";
import { markdownTable, updateSection } from "../page.ts";
import type { BesideResults, Trial } from "./results.ts";

const results = JSON.parse(readFileSync("bench/results/beside.json", "utf8")) as BesideResults;

/** Short words for what is too long for a cell. The page explains them. */
const shortWords: Readonly<Record<string, string>> = {
  REQUEST_IN_PROGRESS: "in progress",
  IdempotencyAlreadyInProgressError: "in progress",
  IDEMPOTENCY_FINGERPRINT_MISSMATCH: "mismatch",
  IdempotencyValidationError: "mismatch",
  "connection lost": "lost",
};

function writeCell({ responses, effects, pairs }: Trial): string {
  const statuses = responses.map((response) => shortWords[response] ?? response).join(", ");
  const count = `${effects} ${effects === 1 ? "effect" : "effects"}`;
  return `${statuses}: ${count}${pairs === undefined ? "" : ` (${pairs} of ${results.pairs})`}`;
}

const table = markdownTable(
  ["library", "a repeat", "two at once", "the process dies", "another body", "the handler throws"],
  results.libraries.map(({ name, version, option, repeat, together, dies, otherBody, throws }) => [
    `${name} ${version}${option === undefined ? "" : `, \`${option}\``}`,
    ...[repeat, together, dies, otherBody, throws].map(writeCell),
  ]),
);
updateSection("beside", `${table}\n\nRun on ${results.date} with Node ${results.node}.`, "docs/beside.md");
