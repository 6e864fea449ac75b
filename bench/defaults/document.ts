/** Writes the tables of docs/guides/storms.md from bench/results/defaults.json; `--check` compares. */
import { readFileSync } from "node:fs";
import { markdownTable, updateSection } from "../page.ts";
import { budgetTable, type DefaultsResults, returnTable, waitTable } from "./report.ts";

const page = "docs/guides/storms.md";
const results = JSON.parse(readFileSync("bench/results/defaults.json", "utf8")) as DefaultsResults;
const tables = {
  "default-jitter": waitTable("jitter", results.jitters, "equal"),
  "default-first-wait": waitTable("first wait", results.firstWaits, "1000 ms"),
  "default-budget": budgetTable(results.budgets, "success"),
  "retry-after": returnTable(results.returns),
};

for (const [name, { head, rows }] of Object.entries(tables)) updateSection(name, markdownTable(head, rows), page);
