import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type ConsoleServer, consoleServer } from "../../packages/tools/src/console/console-server.ts";
import { labSections } from "../../packages/tools/src/console/lab/lab-section.ts";
import { audit, readCharges } from "../../packages/tools/src/lab/ledger.ts";
import {
  type LiveScenario,
  liveScenarios,
  type LiveState,
  type OrderPage,
} from "../../packages/tools/src/lab/live/live-protocol.ts";
import { isRunning, labClient, labDatabases, shippedOrders } from "./lab-client.ts";

// The lab behind the console's page, over HTTP, with its real processes.

let folder: string;
let server: ConsoleServer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lab-section-test-"));
  vi.stubEnv("TMPDIR", folder);
  server = await consoleServer({ sections: labSections({ orders: shippedOrders }), page: folder });
});

afterEach(async () => {
  await server.close();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const crowd = { mode: "crowd", orders: 30, speed: "full" };
const isFinished = ({ phase }: LiveState): boolean => phase === "finished";
const isRunningPhase = ({ phase }: LiveState): boolean => phase === "running";
const pidsOf = ({ processes }: LiveState): number[] => Object.values(processes ?? {}).map(({ pid }) => pid);

test("the story: an answer is lost, one caller charges twice, the other is answered from memory; nothing stays behind", async () => {
  await using client = await labClient(server);
  expect(client.first).toMatchObject({
    event: "snapshot",
    update: { state: { phase: "idle", run: 0 }, exchanges: [] },
  });
  await client.post("settings", { speed: "full" });
  await client.post("start");
  const pids = pidsOf(await client.until(isRunningPhase));
  expect(new Set(pids).size).toBe(3);
  const { callers, orders } = await client.until(isFinished);
  expect(orders).toBe(1);
  expect(callers.careless.totals).toMatchObject({ confirmed: 1, charges: 2, duplicates: 1, lost: 0 });
  expect(callers.safe.totals).toMatchObject({ confirmed: 1, charges: 1, duplicates: 0, lost: 0, replayed: 1 });
  expect(callers.careless.ledger.map(({ isRepeat }) => isRepeat)).toEqual([true, false]);
  const { rows } = await client.get<OrderPage>("orders?show=charged-twice");
  expect(rows).toMatchObject([
    { order: 1, careless: { marks: ["lose-answer", "pass"] }, safe: { marks: ["lose-answer", "replay"] } },
  ]);
  expect(pids.filter(isRunning)).toEqual([]);
  expect(labDatabases(folder)).toEqual([]);
});

test("step by step one request of each caller goes, and both callers send the same things", async () => {
  await using client = await labClient(server);
  await client.post("settings", { speed: "full" });
  await client.post("step");
  const waiting = ({ callers }: LiveState, attempts: number): boolean =>
    Object.values(callers).every(({ totals, held }) => totals.attempts === attempts && held === 1);
  const once = await client.until((state) => waiting(state, 2));
  expect([once.callers.careless.totals.charges, once.callers.safe.totals.charges]).toEqual([1, 1]);
  expect(once.phase).toBe("paused");
  await client.post("step");
  const { callers } = await client.until(isFinished);
  expect([callers.careless.totals.charges, callers.safe.totals.charges]).toEqual([2, 1]);
});

test("the totals of a paused run are those of an audit of its ledger; then it goes on to the end", async () => {
  await using client = await labClient(server);
  await client.post("settings", crowd);
  // Each step lets one request of each caller go, so the run can't be over before it rests, however slow the machine is.
  const isWellOn = ({ callers }: LiveState): boolean =>
    callers.careless.totals.settled >= 8 && callers.safe.totals.settled >= 4;
  for (let sent = 1, isEnough = false; !isEnough; sent += 1) {
    await client.post("step");
    const hasPassed = ({ callers }: LiveState): boolean =>
      Object.values(callers).every(({ totals, held }) => totals.attempts - held >= sent);
    isEnough = isWellOn(await client.until(hasPassed));
  }
  const isAtRest = ({ phase, callers }: LiveState): boolean =>
    phase === "paused" && Object.values(callers).every(({ held, totals }) => held >= Math.min(8, 30 - totals.settled));
  const { callers } = await client.until(isAtRest);
  const [database = ""] = labDatabases(folder);
  for (const caller of ["careless", "safe"] as const) {
    const { charges, duplicates, wrongAmounts } = await audit(
      shippedOrders.slice(0, 30),
      readCharges(database, caller),
    );
    const { totals, ledger } = callers[caller];
    expect({ charges, duplicates, wrongAmounts }).toEqual({
      charges: totals.charges,
      duplicates: totals.duplicates,
      wrongAmounts: 0,
    });
    expect(ledger[0]?.amount).toBe(readCharges(database, caller).at(-1)?.amount);
  }
  await client.post("start");
  const { careless, safe } = (await client.until(isFinished)).callers;
  expect(safe.totals).toMatchObject({ confirmed: 30, charges: 30, duplicates: 0, lost: 0, inDoubt: 0 });
  expect(careless.totals.charges).toBe(30 - careless.totals.lost + careless.totals.duplicates);
});

test.for<[LiveScenario, (careless: LiveState["callers"]["careless"]["totals"]) => void]>([
  ["lose-request", ({ duplicates }) => expect(duplicates).toBe(0)],
  ["fail", ({ duplicates }) => expect(duplicates).toBe(0)],
  ["lose-answer", ({ duplicates, lost }) => expect([duplicates > 0, lost]).toEqual([true, 0])],
])("with %s alone the careless caller fares accordingly, the safe one well", async ([scenario, check]) => {
  await using client = await labClient(server);
  const faults = Object.fromEntries(liveScenarios.map((name) => [name, { isOn: name === scenario, rate: 0.3 }]));
  await client.post("settings", { ...crowd, faults });
  await client.post("start");
  const { careless, safe } = (await client.until(isFinished)).callers;
  check(careless.totals);
  expect(safe.totals).toMatchObject({ confirmed: 30, charges: 30, duplicates: 0, lost: 0 });
  const marks = (await client.get<OrderPage>("orders")).rows.flatMap((row) => [
    ...row.careless.marks,
    ...row.safe.marks,
  ]);
  const others = liveScenarios.filter((name) => name !== scenario);
  expect(marks).toContain(scenario);
  expect(others.filter((name) => marks.includes(name))).toEqual([]);
});

test("killed processes come back as others, and the safe caller still charges each order once", async () => {
  await using client = await labClient(server);
  // Slow enough that the run is not over before its processes are killed.
  await client.post("settings", { ...crowd, orders: 60, speed: "fast" });
  await client.post("start");
  const before = (await client.until(({ callers }) => callers.safe.totals.settled >= 3)).processes!;
  const killed = ["api", "careless", "safe"] as const;
  const answers = killed.map((process) => client.post("kill", { process }));
  const dead = await client.until(({ processes }) => killed.every((name) => processes?.[name].state !== "alive"));
  expect(dead.processes!.api).toEqual({ pid: before.api.pid, state: "killed", kills: 1 });
  for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200);
  const back = (await client.until(({ processes }) => processes?.safe.state !== "killed")).processes!;
  expect(back.api.pid).not.toBe(before.api.pid);
  expect(back.safe.pid).not.toBe(before.safe.pid);
  expect(Object.values(before).filter(({ pid }) => isRunning(pid))).toEqual([]);
  const { safe } = (await client.until(isFinished)).callers;
  expect(safe.totals).toMatchObject({ confirmed: 60, charges: 60, duplicates: 0, lost: 0 });
});

test("without a watcher nothing moves; a watcher who comes back sees it go on", async () => {
  let settled: number;
  {
    await using client = await labClient(server);
    await client.post("settings", { ...crowd, speed: "fast" });
    await client.post("start");
    ({ settled } = (await client.until(({ callers }) => callers.careless.totals.settled >= 3)).callers.careless.totals);
  }
  // Eight orders were on their way when the watcher left. With the gate open all thirty would be done by then.
  await wait(6000);
  await using client = await labClient(server);
  const { state } = client.first.update;
  expect(state.phase).toBe("running");
  expect(state.callers.careless.totals.settled).toBeLessThanOrEqual(settled + 2 * 8);
  await client.until(isFinished);
});

test("closing the console ends every process and takes the folder away, in the middle of a run", async () => {
  await using client = await labClient(server);
  await client.post("settings", { ...crowd, speed: "fast" });
  await client.post("start");
  const pids = pidsOf(await client.until(isRunningPhase));
  void client.post("kill", { process: "api" }).catch(() => undefined);
  await client.until(({ processes }) => processes?.api.state === "killed");
  await server.close();
  expect(pids.filter(isRunning)).toEqual([]);
  expect(labDatabases(folder)).toEqual([]);
  server = await consoleServer({ sections: [], page: folder });
});

test("a reset forgets the run, and the next one begins at nothing", async () => {
  await using client = await labClient(server);
  await client.post("settings", crowd);
  await client.post("start");
  await client.until(({ callers }) => callers.careless.totals.settled > 0);
  await client.post("reset");
  const state = await client.until(({ phase }) => phase === "idle");
  expect(state.callers.careless).toMatchObject({ totals: { attempts: 0, charges: 0 }, ledger: [] });
  expect(await client.get("orders")).toEqual({ rows: [], total: 0 });
});

test.for<[path: string, body: unknown, problem: string]>([
  ["settings", { orders: 0 }, "orders must be a whole number from 1 to 100000"],
  ["settings", "fast", "settings must be an object"],
  ["kill", { process: "init" }, "process must be one of api, careless, safe"],
  ["kill", undefined, "process must be"],
])("%s %j is refused", async ([path, body, problem]) => {
  await using client = await labClient(server);
  const answer = await client.post(path, body);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ problem: expect.stringContaining(problem) as string });
});

test("what a run keeps to its end can't be changed in it; without the token nothing can", async () => {
  await using client = await labClient(server);
  await client.post("settings", crowd);
  await client.post("step");
  const answer = await client.post("settings", { seed: 7 });
  expect([answer.status, (await client.post("settings", { speed: "fast" })).status]).toEqual([400, 200]);
  expect(await client.get("orders?show=nice")).toMatchObject({ problem: expect.stringContaining("show must be") });
  const address = `${server.url.replace(/#.*$/, "")}api/lab/start`;
  expect((await fetch(address, { method: "POST" })).status).toBe(401);
});
