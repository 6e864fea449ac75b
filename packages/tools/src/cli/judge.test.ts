import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { brokenHistories } from "../../../../test/support/histories.ts";
import { cliDocument, cliProgram, runCli } from "../../../../test/support/cli.ts";
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
  expect(stdout).toBe(`3 requests, 3 rows in the ledger, 2 operations.

Repeated: 1 operation, 1 request more than one each.
    a: log lines 2, 3; ledger lines 2, 3
Doubled effects: 1 operation, 1 row too many, price 12.5.
    a: log lines 2, 3; ledger lines 2, 3
Lost answers: 1 operation in the ledger, and no caller got a success; price 3.
    their last statuses: 499 (1)
    b: log line 4; ledger line 4
Lost effects: 0 operations answered with a success, and not in the ledger.
`);
  expect(await cliDocument("audit", log, ledger)).toMatchObject({ code: 1, document: { doubled: { price: 12.5 } } });
  for (const unreadable of ["/nowhere.csv", tmpdir()]) {
    const stderr = expect.stringContaining(`error: ${unreadable} can't be read: `) as unknown;
    expect(await runCli(["audit", log, unreadable])).toMatchObject({ code: 2, stdout: "", stderr });
  }
  const piped = spawnSync("sh", ["-c", 'cat "$1" | "$0" "$2" audit - "$3"', process.execPath, log, cliProgram, ledger]);
  expect(String(piped.stdout)).toBe(stdout);
});

test("audit says what was given back, and reads amounts as they are written elsewhere", async () => {
  const log = fileOf("log.csv", ["key;status", "a;201", "b;500", "c;", "d;201", "-;201"]);
  const rows = ["a;1.000,50 €;Kauf", "a;1.000,50 €;Kauf", "a;1.000,50 €;Storno", "b;2,00 €;Kauf", "c;3,00 €;Kauf"];
  const others = ["c;3,00 €;Storno", "d;1,00 €;Kauf", "d;2,50 €;Storno", ";9,99 €;Kauf"];
  const ledger = fileOf("ledger.csv", ["key;Betrag;Art", ...rows, ...others]);
  const flags = ["--amount", "Betrag", "--decimal", ",", "--separator", ";", "--refund", "Art=Storno"];
  const { code, stdout, stderr } = await runCli(["audit", log, ledger, ...flags]);
  expect([code, stderr]).toEqual([1, ""]);
  expect(stdout).toBe(`5 requests, 9 rows in the ledger, 4 operations.
Without an operation's name, so not looked at: 1 request, 1 row.

Repeated: 0 operations, 0 requests more than one each.
Doubled effects: 1 operation, 1 row too many, price 1,000.5, of which 1,000.5 was given back.
    a: log line 2; ledger lines 2, 3, 4
Refunds: 3 rows, 1,006.
    more than was charged: 1 operation, 1.5 too much
    d: log line 5; ledger lines 8, 9
Lost answers: 1 operation in the ledger, and no caller got a success; price 2.
    their last statuses: 500 (1)
    b: log line 3; ledger line 5
    beside these, 1 operation given back in full (3)
Lost effects: 0 operations answered with a success, and not in the ledger.
`);
  for (const [flag, value] of [
    ["--decimal", ";"],
    ["--separator", ";;"],
    ["--refund", "Storno"],
  ])
    expect(await runCli(["audit", log, ledger, flag!, value!])).toMatchObject({ code: 2, stdout: "" });
});
