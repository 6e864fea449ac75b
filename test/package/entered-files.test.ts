import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { run } from "../support/run.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * How many files of our source a reader has to open to follow each path, counted by V8's coverage. To raise a number is a
 * decision: say why in docs/decisions.
 */
const budgets: Readonly<Record<string, number>> = {
  "onceExpress, a new key": 30,
  "onceExpress, a replay": 22,
  "retryingFetch, a POST": 23,
  "outbox to inbox": 40,
};

const program = fileURLToPath(new URL("entered-files/trace-paths.ts", import.meta.url));

test("each path through the library enters no more files than its budget", async () => {
  const printed = await run(process.execPath, ["--conditions=@once-again/source", program], { cwd: root });
  const paths = JSON.parse(printed) as Record<string, string[]>;
  expect(Object.keys(paths)).toEqual(Object.keys(budgets));
  for (const [name, files] of Object.entries(paths)) {
    expect(files.length, `${name} enters:\n${files.join("\n")}`).toBeLessThanOrEqual(budgets[name]!);
  }
});
