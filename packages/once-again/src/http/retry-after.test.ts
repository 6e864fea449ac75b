import type { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { appDatabase } from "../../../../test/support/app-database.ts";
import { faultyStore } from "../../../../test/support/faulty-store.ts";
import { ask, bytes } from "../../../../test/support/http-bench.ts";
import { until } from "../../../../test/support/until.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { seededRandom } from "../core/random.ts";
import { NoEffectError } from "../engine/engine.ts";
import { memoryStore } from "../stores/memory/index.ts";
import type { TransactionalStore } from "../stores/store.ts";
import { type OnceHttp, onceHttp } from "./handle-request.ts";
import type { LeasedHttpOptions } from "./http-options.ts";

// The times at which our own refusals ask callers to come back: never one time for all.

const ok = async () => ({ status: 201, headers: [], body: bytes("made") });
const rules = {
  scope: (account: string) => account,
  waitMs: 0,
  onError: () => undefined,
  random: seededRandom(5),
} as const;

const leased = (options: Partial<LeasedHttpOptions<string>> = {}) =>
  onceHttp<string>({ store: memoryStore(), ...rules, ...options });

/** How many responses say each time. */
async function timesOf(once: OnceHttp<string, undefined>, count: number, handler: Parameters<typeof ask>[1]) {
  const times: Record<string, number> = {};
  for (let sent = 0; sent < count; sent += 1) {
    const { retryAfter = "none" } = await ask(once, handler as never, { keys: [`order-${sent}`] });
    times[retryAfter] = (times[retryAfter] ?? 0) + 1;
  }
  return times;
}

const turnAway = (): Promise<never> => Promise.reject(new NoEffectError("The bank is closed."));

test("of 3,000 callers that are turned away a third is asked to come back after each of 1, 2 and 3 s", async () => {
  const times = await timesOf(leased(), 3000, turnAway);
  expect(Object.keys(times)).toEqual(["1", "2", "3"]);
  for (const count of Object.values(times)) expect(count).toBeGreaterThan(900);
});

test("a route's own least time is the least of up to 2 s more", async () => {
  const times = await timesOf(leased({ profile: { retryAfterSeconds: 5 } }), 300, turnAway);
  expect(Object.keys(times)).toEqual(["5", "6", "7"]);
});

test("a handler that knows when says so, where that is later than the route says", async () => {
  const closedFor = (retryAfterMs: number) => (): Promise<never> =>
    Promise.reject(new NoEffectError("The bank is closed.", { retryAfterMs }));
  expect(Object.keys(await timesOf(leased(), 300, closedFor(59_001)))).toEqual(["60", "61", "62"]);
  const slower = leased({ profile: { retryAfterSeconds: 5 } });
  expect(Object.keys(await timesOf(slower, 300, closedFor(2000)))).toEqual(["5", "6", "7"]);
  expect(new NoEffectError("Closed.", { retryAfterMs: 70 }).details).toEqual({ retryAfterMs: 70 });
});

test("a full quota names the time until there is room again, or up to 2 s more", async () => {
  const once = leased({ limits: { quota: { keysMax: 1, perMs: 9500 } }, clock: fakeClock() });
  const times = await timesOf(once, 300, ok);
  expect(Object.keys(times)).toEqual(["10", "11", "12", "none"]);
  expect(times["none"]).toBe(1);
});

describe("while the store is away", () => {
  /** The times that each of 200 callers gets. */
  const readTimes = async (post: () => Promise<string | undefined>): Promise<number[]> => {
    const seen = new Set<number>();
    for (let sent = 0; sent < 200; sent += 1) seen.add(Number(await post()));
    return [...seen].toSorted((one, other) => one - other);
  };
  const from10To30 = Array.from({ length: 21 }, (_, more) => 10 + more);

  test("the times grow to 10 to 30 s, and with its first answer they are 1 to 3 s again", async () => {
    const clock = fakeClock();
    const store = faultyStore(memoryStore({ clock }));
    const once = leased({ store, clock });
    let sent = 0;
    const post = async (): Promise<string | undefined> => {
      const asked = store.asked.length;
      const answer = ask(once, ok, { keys: [`order-${(sent += 1)}`] });
      await until(() => store.asked.length > asked);
      // It is asked a second time.
      await clock.advance(20);
      return (await answer).retryAfter;
    };
    const leave = (times?: number): void => {
      // A claim that may have been made is withdrawn in the background.
      for (const operation of ["claim", "release"] as const) store.fail(operation, "before", times);
    };
    leave();
    expect(await readTimes(post)).toEqual([1, 2, 3]);
    await clock.advance(26_000);
    expect(await readTimes(post)).toEqual(from10To30);
    leave(0);
    expect(await post()).toBeUndefined();
    leave();
    expect(await readTimes(post)).toEqual([1, 2, 3]);
  });

  /** A transactional route, and a store that ends its transactions as a test says. */
  const transactional = () => {
    const clock = fakeClock();
    const { store } = appDatabase();
    const state: { now: "here" | "away" | "lost at its commit" } = { now: "away" };
    const transact: TransactionalStore<DatabaseSync>["transact"] = async (request, work) => {
      if (state.now === "away") throw new Error("no connection");
      const answer = await store.transact(request, work);
      if (state.now === "lost at its commit") throw new Error("connection lost");
      return answer;
    };
    const once = onceHttp<string, DatabaseSync>({
      ...rules,
      mode: "transactional",
      store: { ...store, transact },
      clock,
    });
    let sent = 0;
    return { clock, state, post: () => ask(once, ok, { keys: [`order-${(sent += 1)}`] }) };
  };

  test("that holds in transactional mode, too", async () => {
    const { clock, state, post } = transactional();
    const postRefused = async () => (await post()).retryAfter;
    expect(await readTimes(postRefused)).toEqual([1, 2, 3]);
    await clock.advance(30_000);
    expect(await readTimes(postRefused)).toEqual(from10To30);
    state.now = "here";
    expect((await post()).status).toBe(201);
    state.now = "away";
    expect(await readTimes(postRefused)).toEqual([1, 2, 3]);
  });

  test("a transaction that was begun is an answer, whatever becomes of it", async () => {
    const { clock, state, post } = transactional();
    await post();
    await clock.advance(30_000);
    state.now = "lost at its commit";
    expect(await post()).toMatchObject({ status: 504, code: "ONCE_RESULT_UNCONFIRMED", retryAfter: undefined });
    state.now = "away";
    expect(await readTimes(async () => (await post()).retryAfter)).toEqual([1, 2, 3]);
  });
});
