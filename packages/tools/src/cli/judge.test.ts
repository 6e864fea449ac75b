import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { brokenHistories } from "../../../../test/support/histories.ts";
import { cliDocument, runCli } from "../../../../test/support/cli.ts";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { historyRules } from "../judge/index.ts";

/** A file with lines, in the folder of the running test. */
function fileOf(name: string, lines: readonly string[]): string {
  const file = join(temporaryFolder(), name);
  writeFileSync(file, lines.map((line) => `${line}\n`).join(""));
  return file;
}

test("judge says which lines of a history break which rule, in words and as JSON, and ends with 1", async () => {
  const lines = Object.values(brokenHistories).flat();
  const file = fileOf("history.jsonl", [
    ...lines.map((line) => JSON.stringify(line)),
    '{"type":"invoke","key":"\\u001b[31m"}',
  ]);
  const { code, stdout, stderr } = await runCli(["judge", file]);
  expect([code, stderr]).toEqual([1, ""]);
  for (const rule of Object.keys(historyRules)) expect(stdout).toContain(`${rule}: 1 time.`);
  expect(stdout).toContain('Key twice: Its effect is in the ledger 2 times.\n    line 2: {"type":"effect"');
  const { document } = await cliDocument("judge", file);
  expect(document).toMatchObject({ calls: 9 });
  expect((document as { anomalies: { rule: string }[] }).anomalies.map(({ rule }) => rule)).toEqual(
    Object.keys(historyRules),
  );
});

test("judge ends with 0 for a clean history, and with 2 for one that it can't read", async () => {
  const clean = fileOf("clean.jsonl", ['{"type":"invoke","key":"k"}', '{"type":"ok","key":"k"}']);
  expect(await runCli(["judge", clean])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("No anomaly.") as unknown,
  });
  const lost = fileOf("lost.jsonl", ['{"type":"invoke","key":"k"}', '{"type":"ok","key":"k","effects":["gone"]}']);
  expect((await runCli(["judge", lost])).code).toBe(0);
  expect(await runCli(["judge", lost, "--ledger"])).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("no-lost-effect: 1 time.") as unknown,
  });
  const broken = await runCli(["judge", fileOf("broken.jsonl", ["{}"])]);
  expect(broken).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("line 1 must be") as unknown });
  expect(await runCli(["judge", "/nowhere.jsonl"])).toMatchObject({ code: 2, stdout: "" });
  expect((await runCli(["judge"])).code).toBe(2);
});

test("audit prints what was doubled and lost, with its price", async () => {
  const log = fileOf("log.csv", ["key,status", "a,504", "a,201", "b,499"]);
  const ledger = fileOf("ledger.csv", ["key,amount", "a,12.5", "a,12.5", "b,3"]);
  const { code, stdout, stderr } = await runCli(["audit", log, ledger]);
  expect([code, stderr]).toEqual([1, ""]);
  expect(stdout).toContain(
    "Doubled effects: 1 operations, 1 rows too many, price 12.5.\n    a: log lines 2, 3; ledger lines 2, 3",
  );
  expect(stdout).toContain("Lost answers: 1 operations have their effect, and their callers got no answer; price 3.");
  expect(await cliDocument("audit", log, ledger)).toMatchObject({ code: 1, document: { doubled: { price: 12.5 } } });
  expect(await runCli(["audit", log, "/nowhere.csv"])).toMatchObject({ code: 2, stdout: "" });
});
