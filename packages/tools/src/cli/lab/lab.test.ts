import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { type LabCommand, labCommand, shippedLines } from "../../../../../test/support/lab-command.ts";
import { type CallerResult, isCorrect, type LabResult } from "../../lab/lab-result.ts";
import type { OrderProblem } from "../../lab/orders.ts";
import { exitCodes } from "once-again/internal/command";
import { exitCodeOf } from "./stories.ts";

let lab: LabCommand;
beforeEach(() => {
  lab = labCommand();
});

test("with faults the safe caller charges each order once, the careless one some of them twice", async () => {
  const file = lab.orders(shippedLines.slice(0, 40));
  const { code, stdout } = await lab.run("--orders", file, "--faults", "0.5", "--seed", "2", "--json");
  const { careless, safe, crashes } = JSON.parse(stdout) as LabResult;
  expect(safe).toMatchObject({ confirmed: 40, charges: 40, duplicates: 0, lost: 0, wrongAmounts: 0 });
  // The faults are the seed's, and the API is always there: a slow machine only makes it more.
  expect(careless.duplicates).toBeGreaterThan(0);
  expect({ code, crashes }).toEqual({ code: exitCodes.fine, crashes: { api: 0, caller: 0 } });
});

test("with faults and crashes the safe caller charges each order once, the careless one does not; a bad line is reported", async () => {
  const file = lab.orders([
    ...shippedLines.slice(0, 30),
    '{"id":"ord_half"}',
    ...shippedLines.slice(30, 60),
    shippedLines[0]!,
  ]);
  const { code, stdout, stderr } = await lab.run(
    "--orders",
    file,
    "--faults",
    "0.5",
    "--seed",
    "2",
    "--crash",
    "--json",
  );
  const result = JSON.parse(stdout) as LabResult & { problems: OrderProblem[] };
  expect(result).toMatchObject({
    seed: 2,
    faults: 0.5,
    safe: { orders: 60, confirmed: 60, charges: 60, duplicates: 0, lost: 0, wrongAmounts: 0 },
    careless: { orders: 60, wrongAmounts: 0 },
    problems: [{ line: 31 }, { line: 62 }],
  });
  const { careless, safe } = result;
  expect(result.crashes.api).toBeGreaterThan(0);
  expect(result.crashes.caller).toBeGreaterThan(0);
  // Which of the two: while a slow machine starts the API again, the careless caller gives up one order after another.
  expect(careless.duplicates + careless.lost).toBeGreaterThan(0);
  expect(careless.charges).toBe(careless.orders - careless.lost + careless.duplicates);
  for (const { attempts } of [careless, safe]) {
    const { total, pass, fail } = attempts;
    expect(pass + fail + attempts["lose-request"] + attempts["lose-answer"]).toBe(total);
    expect(Math.min(fail, attempts["lose-request"], attempts["lose-answer"])).toBeGreaterThan(0);
  }
  expect(stderr.split("\n").slice(0, 2)).toEqual([
    expect.stringContaining(`${file}:31: customer `),
    expect.stringContaining(`${file}:62: id `),
  ]);
  expect(code).toBe(exitCodes.fine);
  expect(lab.leftBehind()).toEqual([]);
  // The safe caller waits longer after each attempt at an API that comes back late.
});

test("without faults both are right, and the report says so to a pipe without colour or bar", async () => {
  const { code, stdout, stderr } = await lab.run("--orders", lab.orders(shippedLines.slice(0, 20)), "--faults", "0");
  expect(stdout).toContain("Careless: every order confirmed and charged once.\nSafe: every order");
  expect(stdout).not.toContain("\u001b");
  expect({ code, stderr }).toEqual({ code: exitCodes.fine, stderr: "" });
});

test.for(["duplicates", "lost", "wrongAmounts", "confirmed"] as const)(
  "%s of the safe caller decide the exit code",
  (key) => {
    const right = { orders: 3, confirmed: 3, duplicates: 0, lost: 0, wrongAmounts: 0 };
    const [safe, careless] = [{ ...right, [key]: 1 }, right] as unknown as [CallerResult, CallerResult];
    const result = { seed: 1, faults: 0.3, crashes: { api: 0, caller: 0 } };
    expect(exitCodeOf({ ...result, careless, safe }, isCorrect)).toBe(exitCodes.bad);
    expect(exitCodeOf({ ...result, careless: safe, safe: careless }, isCorrect)).toBe(exitCodes.fine);
  },
);

test.for<[flags: string[], problem: string]>([
  [["--faults", "1.1"], "from 0 to 1"],
  [["--faults", ""], "from 0 to 1"],
  [["--callers", "0"], "from 1 to 256"],
  [["--seed", "1.5"], "whole number"],
  [["--orders", "/nowhere.ndjson"], "can't read the orders"],
  [["--unheard-of"], "unknown option"],
])("%s is wrong usage", async ([flags, problem]) => {
  const { code, stdout, stderr } = await lab.run(...flags);
  expect({ code, stdout }).toEqual({ code: exitCodes.usage, stdout: "" });
  expect(stderr).toContain(problem);
});

test("a file without a single order is wrong usage", async () => {
  const { code, stderr } = await lab.run("--orders", lab.orders(["{}", ""]));
  expect(code).toBe(exitCodes.usage);
  expect(stderr).toMatch(/:1: id must be .*\nerror: .* has no valid order/);
});

test("--help shows an example", async () => {
  const { code, stdout } = await lab.run("--help");
  expect(stdout).toContain("$ once-again lab --faults 0.5");
  expect(code).toBe(exitCodes.fine);
});

test("an interrupt ends the run, its API and its folder", async () => {
  const child = lab.start("--callers", "1");
  const closed = once(child, "close");
  await expect.poll(lab.leftBehind).not.toEqual([]);
  await setTimeout(500);
  child.kill("SIGINT");
  expect(await closed).toEqual([exitCodes.interrupted, null]);
  expect(lab.leftBehind()).toEqual([]);
});

/** Whether a process is there. */
function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test("--serve --exit ends after the report, as without --serve", async () => {
  const { code, stdout } = await lab.run(
    "--serve",
    "--exit",
    "--orders",
    lab.orders(shippedLines.slice(0, 10)),
    "--faults",
    "0",
  );
  expect(stdout).toContain("Safe: every order");
  expect(stdout).not.toContain("http://");
  expect(code).toBe(exitCodes.fine);
});

test("--serve stays until Ctrl-C, which ends a live run as well: no process and no folder is left", async () => {
  const child = lab.start("--serve", "--orders", lab.orders(shippedLines.slice(0, 10)), "--faults", "0");
  const closed = once(child, "close");
  let printed = "";
  child.stdout.on("data", (bytes: Buffer) => void (printed += bytes.toString()));
  await expect.poll(() => printed).toContain("Ctrl-C ends it.");
  const [, address = "", token = ""] = /(http:\S+)#token=(\S+)/.exec(printed) ?? [];
  const post = (path: string) =>
    fetch(`${address}api/lab/${path}`, { method: "POST", headers: { authorization: `Bearer ${token}` } });
  expect((await post("step")).status).toBe(200);
  const live = (await fetch(`${address}api/lab/live`)).body!.getReader();
  const snapshot = Buffer.from((await live.read()).value).toString();
  // One read may bring several snapshots of the same processes.
  const pids = [...new Set(Array.from(snapshot.matchAll(/"pid":(\d+)/g), ([, pid]) => Number(pid)))];
  expect(pids.filter(isRunning)).toHaveLength(3);
  child.kill("SIGINT");
  expect(await closed).toEqual([exitCodes.fine, null]);
  expect(pids.filter(isRunning)).toEqual([]);
  expect(lab.leftBehind()).toEqual([]);
});
