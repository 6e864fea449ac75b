import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { onceWeb } from "../packages/once-again/src/frameworks/web.ts";
import { onceFunction } from "../packages/once-again/src/function/index.ts";
import { openInbox } from "../packages/once-again/src/messaging/inbox/index.ts";
import { openRelay, unavailableError } from "../packages/once-again/src/messaging/outbox/index.ts";
import type { RelayOptions } from "../packages/once-again/src/messaging/outbox/relay-options.ts";
import { memoryStore } from "../packages/once-again/src/stores/memory/index.ts";
import { fakeClock } from "../packages/testing/src/fake-clock.ts";
import { memoryOutbox } from "./support/outbox/memory-outbox.ts";

// By default, without any `onError`: what an outage writes to the log is bounded, and counted.

let lines: string[];

beforeEach(() => {
  // The log's interval alone: everything else has a clock that the test moves.
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  lines = [];
  vi.spyOn(console, "error").mockImplementation((line: string) => void lines.push(line));
});

afterEach(() => {
  vi.runAllTimers();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** How many errors the lines of an interval stand for, once it has ended. */
function countedErrors(): number {
  const written = lines.length;
  vi.advanceTimersByTime(60_000);
  const more = lines.slice(written).map((line) => Number(/\(and (\d+) more like it in 60 s\)$/.exec(line)?.[1]));
  return written + more.reduce((sum, count) => sum + count, 0);
}

const refused = () => Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:5432"), { code: "ECONNREFUSED" });
const away = async (): Promise<never> => {
  throw refused();
};
const clock = () => fakeClock(1_700_000_000_000);

describe("an outage of the store", () => {
  test("at a route: a few lines for thousands of requests, and the count of the others", async () => {
    const time = clock();
    const once = onceWeb(
      { store: { ...memoryStore(), claim: away }, scope: "public", clock: time },
      () => new Response(),
    );
    const send = (at: number): Promise<Response> =>
      once(
        new Request("https://shop.example/orders", { method: "POST", headers: { "idempotency-key": `order-${at}` } }),
      );
    const requests = Promise.all(Array.from({ length: 2000 }, (_, at) => send(at)));
    await time.advance(10_000);
    expect(new Set((await requests).map(({ status }) => status))).toEqual(new Set([503]));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/ONCE_STORE_UNAVAILABLE.*cause: ECONNREFUSED/);
    expect(countedErrors()).toBe(2000);
    expect(lines).toHaveLength(4);
  });

  test("at a function: its callers get the errors, and the log gets none for each", async () => {
    const time = clock();
    const store = { ...memoryStore(), claim: away };
    const charge = onceFunction({ store, scope: "outage", key: (id: string) => id, clock: time }, () => "paid");
    const calls = Promise.allSettled(Array.from({ length: 2000 }, (_, at) => charge(`order-${at}`)));
    await time.advance(10_000);
    expect((await calls).every(({ status }) => status === "rejected")).toBe(true);
    expect(lines.length).toBeLessThanOrEqual(3);
  });

  test("at an inbox that tries its messages again and again", async () => {
    const time = clock();
    const inbox = openInbox({
      store: { ...memoryStore(), claim: away },
      consumer: "shipping",
      clock: time,
      backoff: () => 10,
    });
    const handled = Array.from({ length: 50 }, (_, at) =>
      inbox.handle({ id: `m-${at}`, topic: "orders", headers: {}, body: new Uint8Array() }, async () => undefined),
    );
    await time.advance(5000);
    const closed = inbox.close();
    await time.advance(10_000);
    await Promise.all([closed, ...handled]);
    expect(lines).toHaveLength(3);
    expect(countedErrors()).toBeGreaterThan(1000);
    expect(lines).toHaveLength(4);
  });
});

describe("a relay", () => {
  /** A relay and its outbox, with one message, on a clock that the test moves. */
  async function openedRelay(options: Partial<RelayOptions>, fault: Partial<RelayOptions["outbox"]> = {}) {
    const time = clock();
    const { begin, outbox } = memoryOutbox({ clock: time });
    const { transaction, commit } = await begin();
    await outbox.add(transaction, { id: "1", topic: "orders", body: "tea" });
    await commit();
    const steady = { clock: time, backoff: () => 100, pauseBackoff: () => 100, pollMs: 100 };
    const relay = openRelay({ outbox: { ...outbox, ...fault }, publish: away, ...steady, ...options });
    onTestFinished(async () => {
      const closed = relay.close();
      await time.advance(1000);
      await closed;
    });
    return time;
  }

  test("with a database that is away", async () => {
    const time = await openedRelay({}, { claim: away });
    await time.advance(50_000);
    expect(lines).toHaveLength(3);
    expect(countedErrors()).toBeGreaterThan(400);
  });

  test("with a broker that is away; its listener gets every event all the same", async () => {
    const types: string[] = [];
    const time = await openedRelay({
      publish: () => Promise.reject(unavailableError("The broker is down.", refused())),
      onEvent: ({ type }) => void types.push(type),
    });
    await time.advance(50_000);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(
      /^\S+Z once-again relay: ONCE_BROKER_UNAVAILABLE.*cause: ECONNREFUSED.* \[event=place-unavailable place=orders pauseMs=\d+\]$/,
    );
    const events = types.filter((type) => type === "place-unavailable");
    expect(events.length).toBeGreaterThan(100);
    expect(countedErrors()).toBe(events.length);
  });

  test("with `onError` writes nothing itself, and says of each refusal which message it is about, and where that goes", async () => {
    const errors: unknown[] = [];
    const publish: RelayOptions["publish"] = Object.assign(() => Promise.reject(new Error("refused")), {
      place: () => "shop/orders",
    });
    const time = await openedRelay({
      publish,
      refusalsMax: 3,
      onError: (error, about) => void errors.push([(error as Error).message, about]),
    });
    await time.advance(5000);
    const about = { room: "relay", id: "1", topic: "orders", place: "shop/orders" };
    expect(errors).toMatchObject([
      ["refused", { ...about, event: "refused", refusals: 1, delayMs: 100 }],
      ["refused", { ...about, event: "refused", refusals: 2, delayMs: 100 }],
      ["refused", { ...about, event: "parked" }],
    ]);
    expect(lines).toEqual([]);
    await expect(openedRelay({ onError: "log" as never })).rejects.toThrow("onError");
  });
});
