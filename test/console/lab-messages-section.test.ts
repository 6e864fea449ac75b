import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type ConsoleServer, consoleServer } from "../../packages/tools/src/console/console-server.ts";
import { labSections } from "../../packages/tools/src/console/lab/lab-section.ts";
import { audit, readCharges } from "../../packages/tools/src/lab/ledger.ts";
import type { ProcessView } from "../../packages/tools/src/lab/live/live-protocol.ts";
import type { MessagesState } from "../../packages/tools/src/lab/messages/live/messages-protocol.ts";
import { isRunning, messagesClient, shippedOrders } from "./lab-client.ts";

// The story of messages behind the console's page, over HTTP, with its real processes and its own broker.

let folder: string;
let server: ConsoleServer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lab-messages-test-"));
  vi.stubEnv("TMPDIR", folder);
  server = await consoleServer({ sections: labSections({ orders: shippedOrders }), page: folder });
});

afterEach(async () => {
  await server.close();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const thirty = { orders: 30, seed: 2, speed: "full" };
const isFinished = ({ phase }: MessagesState): boolean => phase === "finished";
const pidsOf = ({ sides }: MessagesState): number[] =>
  Object.values(sides).flatMap(({ processes }) => Object.values(processes ?? {}).map(({ pid }) => pid));
const folders = (): string[] => readdirSync(folder).filter((name) => name.startsWith("once-again-lab-"));
const ledgerOf = (side: string) => readCharges(join(folder, folders()[0]!, "shipments.sqlite"), side);

test("on the same faults and kills the careless pair loses or doubles, the safe one does neither; nothing stays behind", async () => {
  await using client = await messagesClient(server);
  expect(client.first).toMatchObject({ event: "snapshot", update: { phase: "idle", run: 0, broker: "embedded" } });
  await client.post("settings", thirty);
  await client.post("start");
  const pids = pidsOf(await client.until(({ phase }) => phase === "running"));
  expect(new Set(pids).size).toBe(4);
  const { sides } = await client.until(isFinished);
  expect(sides.safe).toMatchObject({ outbox: 0, queued: 0 });
  expect(sides.safe.totals).toMatchObject({ saved: 30, shipments: 30, duplicates: 0, lost: 0 });
  expect(sides.safe.totals.repeats).toBeGreaterThan(0);
  expect(sides.safe.totals.faults).toBeGreaterThan(0);
  const { saved, shipments, duplicates, lost } = sides.careless.totals;
  expect(saved).toBe(30);
  // Which of the two it is, is up to the moments of the kills.
  expect(duplicates + lost).toBeGreaterThan(0);
  expect(shipments).toBe(30 - lost + duplicates);
  expect(pidsOf({ sides } as MessagesState)).toEqual([]);
  expect(pids.filter(isRunning)).toEqual([]);
  expect(folders()).toEqual([]);
});

test("step by step each service places one order; what is shown of the ledger is what an audit finds", async () => {
  await using client = await messagesClient(server);
  // Of thirty orders the first two come before the first kill.
  await client.post("settings", { ...thirty, faults: 0 });
  await client.post("step");
  const placed = (count: number) => (state: MessagesState) =>
    Object.values(state.sides).every(({ totals }) => totals.saved === count && totals.shipments === count);
  const one = await client.until(placed(1));
  expect(one.phase).toBe("paused");
  await client.post("step");
  const { sides } = await client.until(placed(2));
  for (const side of ["careless", "safe"] as const) {
    const { charges, duplicates } = await audit(shippedOrders.slice(0, 30), ledgerOf(side));
    expect(sides[side].totals).toMatchObject({ shipments: charges, duplicates });
    expect(sides[side].ledger).toHaveLength(2);
    expect(sides[side].ledger[0]?.amount).toBe(ledgerOf(side).at(-1)?.amount);
  }
});

test("with faults that lose messages an order is known to be lost before the run is over", async () => {
  await using client = await messagesClient(server);
  // At this share the careless service's three attempts fail for one order in four.
  await client.post("settings", { ...thirty, faults: 0.9 });
  await client.post("start");
  const { phase, sides } = await client.until(({ sides }) => sides.careless.totals.lost > 0);
  expect(phase).toBe("running");
  expect(sides.safe.totals.lost).toBe(0);
  const given = await client.until(({ phase, sides }) => phase === "finished" || sides.careless.totals.lost > 2);
  expect(given.sides.careless.totals.lost).toBeLessThanOrEqual(30 - new Set(ledgerOf("careless")).size);
  await client.post("reset");
  await client.until(({ phase }) => phase === "idle");
});

test("a process of both sides dies at a button, is seen dead, and comes back as another, which holds the next order back", async () => {
  await using client = await messagesClient(server);
  await client.post("settings", { ...thirty, faults: 0 });
  const placed = (count: number) => (state: MessagesState) =>
    Object.values(state.sides).every(({ totals }) => totals.saved === count && totals.shipments === count);
  // Paused with most orders to come, the run can't be over before its processes are killed.
  await client.post("step");
  const before = await client.until(placed(1));
  for (const role of ["service", "shipping"] as const) {
    const killed = client.post("kill", { process: role });
    const both = (isSo: (view: ProcessView) => boolean) => (state: MessagesState) =>
      Object.values(state.sides).every(({ processes }) => isSo(processes![role]));
    const dead = await client.until(both(({ state }) => state === "killed"));
    expect(dead.sides.safe.incidents[0]).toMatchObject({ what: `${role}-killed` });
    expect((await killed).status).toBe(200);
    const back = await client.until(both(({ state }) => state === "alive"));
    for (const side of ["careless", "safe"] as const) {
      const { pid } = before.sides[side].processes![role];
      expect(back.sides[side].processes![role]).toMatchObject({ kills: 1 });
      expect(back.sides[side].processes![role].pid).not.toBe(pid);
      expect(isRunning(pid)).toBe(false);
    }
  }
  await client.post("step");
  const { sides, phase } = await client.until(placed(2));
  expect([phase, sides.safe.totals.duplicates, sides.careless.totals.lost]).toEqual(["paused", 0, 0]);
});

test("two watchers see the same; without a watcher no order is placed; a watcher who comes back sees it go on", async () => {
  let saved: number;
  {
    await using one = await messagesClient(server);
    await using other = await messagesClient(server);
    await one.post("settings", { ...thirty, orders: 200, speed: "brisk" });
    await one.post("start");
    const isBegun = ({ sides }: MessagesState): boolean => sides.careless.totals.saved >= 3;
    const [first, second] = [await one.until(isBegun), await other.until(isBegun)];
    expect([first.run, first.settings]).toEqual([second.run, second.settings]);
    await one.post("pause");
    await other.until(({ phase }) => phase === "paused");
    await other.post("start");
    saved = (await one.until(({ phase }) => phase === "running")).sides.safe.totals.saved;
  }
  await using client = await messagesClient(server);
  const { phase, run, sides } = client.first.update;
  expect([phase, run]).toEqual(["running", 1]);
  expect(sides.safe.totals.saved).toBeGreaterThanOrEqual(saved);
  await client.until(({ sides }) => sides.safe.totals.saved > saved + 8);
});

test("closing the console in the middle of a run ends every process and takes the folder away", async () => {
  await using client = await messagesClient(server);
  await client.post("settings", { ...thirty, orders: 300, speed: "fast" });
  await client.post("start");
  const pids = pidsOf(await client.until(({ sides }) => sides.safe.totals.shipments > 0));
  void client.post("kill", { process: "service" }).catch(() => undefined);
  await client.until(({ sides }) => sides.safe.processes?.service.state === "killed");
  await server.close();
  expect(pids.filter(isRunning)).toEqual([]);
  expect(folders()).toEqual([]);
  server = await consoleServer({ sections: [], page: folder });
});

test("a reset forgets the run, and the next one begins at nothing", async () => {
  await using client = await messagesClient(server);
  await client.post("settings", thirty);
  await client.post("start");
  await client.until(({ sides }) => sides.careless.totals.saved > 0);
  await client.post("reset");
  const state = await client.until(({ phase }) => phase === "idle");
  expect(state.sides.careless).toMatchObject({ totals: { saved: 0, shipments: 0 }, ledger: [], incidents: [] });
  expect(folders()).toEqual([]);
});

test.for<[path: string, body: unknown, problem: string]>([
  ["settings", { orders: 0 }, "orders must be a whole number from 1 to 10000"],
  ["settings", { faults: 1 }, "faults must be"],
  ["settings", { speed: "warp" }, "speed must be"],
  ["settings", { constructor: 1 }, "settings must be of"],
  ["settings", "fast", "settings must be an object"],
  ["kill", { process: "api" }, "process must be one of service, shipping"],
])("%s %j is refused", async ([path, body, problem]) => {
  await using client = await messagesClient(server);
  const answer = await client.post(path, body);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ problem: expect.stringContaining(problem) as string });
});

test("what a run is made of can't be changed in it; without the token nothing can be done", async () => {
  await using client = await messagesClient(server);
  await client.post("step");
  expect((await client.post("settings", { seed: 7 })).status).toBe(400);
  const address = `${server.url.replace(/#.*$/, "")}api/lab/messages/start`;
  expect((await fetch(address, { method: "POST" })).status).toBe(401);
});

test("a broker that is not there fails the start, and says so", async () => {
  const sections = labSections({ orders: shippedOrders, broker: { kind: "rabbitmq", url: "amqp://127.0.0.1:1" } });
  await using other = await consoleServer({ sections, page: folder });
  await using client = await messagesClient(other);
  await client.post("start");
  const { problem } = await client.until(({ phase }) => phase === "failed");
  expect(problem).toContain("127.0.0.1:1");
  expect(folders()).toEqual([]);
});
