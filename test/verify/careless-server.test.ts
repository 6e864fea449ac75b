import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { cliDocument, runCli } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import type { VerifyReport } from "../../packages/tools/src/verify/index.ts";

/** Starts the careless server of the examples, until the running test ends. */
async function carelessServer(): Promise<string> {
  const child = spawn(process.execPath, ["--conditions=@once-again/source", "examples/careless-server.ts"], {
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return `http://127.0.0.1:${/port: (\d+)/.exec(line.toString())![1]}`;
}

test("a careless server fails well over ten cases, of every group but one", async () => {
  const url = await carelessServer();
  const { code, document } = await cliDocument(
    ...["verify", `${url}/orders`, "--effects", `${url}/count`, "--pause", "50"],
    ...["-H", "authorization: acme", "--other-header", "authorization: other"],
  );
  const { cases, effects } = document as VerifyReport;
  const failed = cases.filter(({ kind }) => kind === "fail").map(({ id }) => id);
  expect(code).toBe(1);
  expect(effects).toBe("counted");
  expect(failed.length).toBeGreaterThanOrEqual(20);
  expect(new Set(failed.map((id) => id[0]))).toEqual(new Set("KRFCDS"));
});

test("without a count, duplicates are guessed from the answers", async () => {
  const url = await carelessServer();
  const guesses = ["--effect-id", "order", "--only", "F01,C01,C02,D01"];
  const { document } = await cliDocument("verify", `${url}/orders`, ...guesses);
  const { cases, effects } = document as VerifyReport;
  expect(effects).toBe("guessed");
  expect(cases.map(({ id, kind }) => `${id} ${kind}`)).toEqual([
    "F01 fail",
    "C01 fail",
    "C02 fail",
    "D01 not-applicable",
  ]);
});

test("a table for people names the failed rule, and where it is written", async () => {
  const url = await carelessServer();
  const { code, stdout, stderr } = await runCli(["verify", `${url}/orders`, "--only", "r02,F01"]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
  expect(stdout).toContain("  ✗ R02  A repeat gets the first status\n         the status was 201, is 200\n");
  expect(stdout).toContain("draft-ietf-httpapi-idempotency-key-header-07#section-2.7");
  expect(stdout).toMatch(/\n0 passed, 2 failed, 0 warned, 0 not applicable\n$/);
});

test("TAP and JUnit say the same", async () => {
  const url = await carelessServer();
  const tap = await runCli(["verify", `${url}/orders`, "--only", "R01,R02,E06", "--tap"]);
  expect(tap.stdout).toMatch(
    /^TAP version 14\n1\.\.3\nok 1 - R01 .*\nnot ok 2 - R02 .*\n {2}---\n[^]*\n {2}\.\.\.\nok 3 - E06 .* # SKIP /,
  );
  const junit = await runCli(["verify", `${url}/orders`, "--only", "R01,R02,E06", "--junit"]);
  expect(junit.stdout).toContain('<testsuites tests="3" failures="1" skipped="1"');
  expect(junit.stdout).toMatch(
    /<testcase classname="Replay" name="R02 [^>]*><failure message="the status was 201, is 200">/,
  );
  expect([tap.code, junit.code]).toEqual([1, 1]);
});

test("a page and a badge say the same; a plan is no page", async () => {
  const url = await carelessServer();
  const badge = join(temporaryFolder(), "badge.json");
  const flags = ["--only", "R01,R02,E06", "--format", "html", "--badge", badge];
  const { code, stdout } = await runCli(["verify", `${url}/orders`, ...flags]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^<!doctype html>\n<html lang="en">/);
  expect(stdout).toContain("<p>1 passed, 1 failed, 0 warned, 1 not applicable, in ");
  expect(stdout).toContain('<tr class="fail"><td>fail</td>');
  expect(stdout).not.toMatch(/<script|src=/);
  expect(JSON.parse(readFileSync(badge, "utf8"))).toEqual({
    schemaVersion: 1,
    label: "idempotency (draft)",
    message: "1 of 2 fail",
    color: "red",
    suite: 1,
    profile: "draft",
    date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
    passed: 1,
    failed: 1,
    warned: 0,
    notApplicable: 1,
  });
  const plan = await runCli(["verify", `${url}/orders`, "--dry-run", "--format", "html"]);
  expect(plan).toMatchObject({ code: 2, stdout: "" });
  expect(plan.stderr).toContain("--dry-run has no --format html. Use text or json.");
  const unwritable = await runCli(["verify", `${url}/orders`, "--badge", join(badge, "no-folder", "badge.json")]);
  expect(unwritable).toMatchObject({ code: 2, stdout: "" });
  expect(unwritable.stderr).toContain("--badge can't be written");
});
