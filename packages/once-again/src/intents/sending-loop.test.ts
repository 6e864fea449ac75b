import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { intentsBench } from "../../../../test/support/intents-bench.ts";
import { type Act, answer, hang, reset, scriptedServer } from "../../../../test/support/scripted-server.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { concurrencyLimit, hedge } from "../retry/layers/index.ts";
import type { IntentStore } from "../stores/intent-store.ts";
import { until } from "../../../../test/support/until.ts";

describe("with others", () => {
  test("what one left when it was closed, another resumes, with the same key and bytes", async () => {
    const { server, opened, order } = await intentsBench();
    const first = opened();
    server.script.push(hang);
    const waiting = first.intents.submit("a", order());
    const refused = waiting.catch((error: unknown) => error);
    while (server.received.length === 0) await setTimeout(5);
    await first.intents.close();
    expect(await refused).toMatchObject({ code: "ONCE_CLOSED" });
    await expect(first.intents.add("b", order())).rejects.toMatchObject({ code: "ONCE_CLOSED" });
    expect(await first.store.inspect("a")).toMatchObject({ state: "pending", leaseUntil: 0, inDoubt: true });

    const second = opened();
    await second.intents.resume();
    expect(await second.intents.inspect("a")).toMatchObject({ state: "done" });
    expect(server.received).toHaveLength(2);
    expect(server.received[1]).toEqual(server.received[0]);
  });

  test("each is sent by one at a time, and once, and both hear of the outcome", async () => {
    const { server, opened, order } = await intentsBench();
    const ids = Array.from({ length: 40 }, (_, index) => `order-${index}`);
    const [one, other] = [opened({ concurrency: 8 }), opened({ concurrency: 8 })];
    const outcomes = await Promise.all(
      [one, other].flatMap(({ intents }) => ids.map((id) => intents.submit(id, order({ body: id })))),
    );
    expect(outcomes.every(({ state }) => state === "done")).toBe(true);
    expect(server.received.map(({ body }) => body).toSorted()).toEqual(ids.toSorted());
    expect(server.concurrencyMax()).toBeLessThanOrEqual(8);
  });

  test("a lease that is lost ends the attempt, and the other's outcome is the outcome", async () => {
    const { server, openedStore, opened, order } = await intentsBench();
    const { intents, events, store } = opened({ leaseMs: 2000 });
    const thief = openedStore();
    // Its renewals get no answer: to the others it is dead.
    store.renew = () => Promise.reject(new Error("no answer"));
    server.script.push(() => {
      store.claim = () => Promise.reject(new Error("no answer"));
    });
    const waiting = intents.submit("a", order());
    await expect
      .poll(async () => (await thief.claim({ owner: "thief", leaseMs: 60_000, limit: 1 })).intents)
      .toHaveLength(1);
    const outcome = { state: "failed", why: "time" } as const;
    await thief.end({ id: "a", owner: "thief", outcome, retentionMs: 60_000 });
    expect(await waiting).toEqual(outcome);
    await expect.poll(() => events.map(({ type }) => type)).toContain("lease-lost");
    expect(server.received).toHaveLength(1);
  });

  test("no more than concurrency are sent at a time", async () => {
    const { server, opened, order } = await intentsBench();
    const { intents } = opened({ concurrency: 3, concurrencyPerOrigin: 3 });
    const slow: Act = async (response, request) => {
      await until(() => server.concurrencyMax() >= 3);
      // One more would come meanwhile.
      await setTimeout(50);
      answer(200)(response, request);
    };
    server.script.push(...Array.from({ length: 12 }, () => slow));
    await Promise.all(Array.from({ length: 12 }, (_, index) => intents.submit(`${index}`, order())));
    expect(server.concurrencyMax()).toBe(3);
  });
});

test("a server that hangs takes its own places, and the others' intents go on", async () => {
  const { server, opened, order } = await intentsBench();
  const slow = await scriptedServer();
  const { intents } = opened({ concurrency: 4, attemptTimeoutMs: 60_000 });
  slow.script.push(...Array.from({ length: 20 }, () => hang));
  const hanging = Array.from({ length: 20 }, (_, index) =>
    intents.submit(`a-${index}`, order({ url: slow.url })).catch((error: unknown) => error),
  );
  while (slow.received.length < 2) await setTimeout(5);
  const others = await Promise.all(Array.from({ length: 20 }, (_, index) => intents.submit(`b-${index}`, order())));
  expect(others.every(({ state }) => state === "done")).toBe(true);
  expect([slow.concurrencyMax(), slow.received.length, server.received.length]).toEqual([2, 2, 20]);
  await intents.close();
  expect(await Promise.all(hanging)).toMatchObject(hanging.map(() => ({ code: "ONCE_CLOSED" })));
});

test("layers stand between the retries and a server, one set for all its intents", async () => {
  const { server, opened, order } = await intentsBench();
  const origins: string[] = [];
  const { intents } = opened({
    layers: ({ origin }) => {
      origins.push(origin);
      return [concurrencyLimit({ runningMax: 1, queueMax: 100 })];
    },
  });
  const slow: Act = (response, request) => setTimeout(10).then(() => answer(200)(response, request));
  server.script.push(...Array.from({ length: 5 }, () => slow));
  await Promise.all(Array.from({ length: 10 }, (_, index) => intents.submit(`${index}`, order())));
  expect([origins, server.concurrencyMax()]).toEqual([[new URL(server.url).origin], 1]);
});

test("a hedged intent takes the answer that came first, whichever sending it is of", async () => {
  const { server, opened, order } = await intentsBench();
  const { intents } = opened({ layers: () => [hedge({ delayMs: 1 })], attemptsMax: 1 });
  const late: Act = (response, request) =>
    until(() => server.received.length === 2).then(() => answer(201)(response, request));
  server.script.push(late, hang);
  expect(await intents.submit("a", order())).toMatchObject({ state: "done", answer: { status: 201 } });
  expect(server.received).toHaveLength(2);
});

test("ended intents are purged as fast as they come, and by hand at once", async () => {
  const clock = fakeClock();
  const { opened, order } = await intentsBench();
  const { intents, store } = opened({ retentionMs: 0, clock });
  const stored = [2500, 1000, 10, 0];
  const limits: number[] = [];
  const swept = Promise.withResolvers<void>();
  store.purge = async ({ limit }) => {
    limits.push(limit);
    const purged = Math.min(limit, stored[0]!);
    stored[0]! -= purged;
    if (purged < limit) swept.resolve();
    return purged;
  };
  const submitted = intents.submit("a", order());
  // Well under the minute after which it would look again where nothing was left over.
  while (stored[0]! > 0) {
    await clock.advance(20);
    await setTimeout(1);
  }
  await swept.promise;
  await clock.advance(20);
  expect(clock.monotonic()).toBeLessThan(60_000);
  await submitted;
  stored[0] = 2500;
  expect(await intents.purge()).toBe(2500);
  expect(limits.every((limit) => limit === 1000)).toBe(true);
});

test("a store that fails for a while loses nothing, and is asked again", async () => {
  const { server, opened, order } = await intentsBench();
  const { intents, store, events } = opened({ leaseMs: 2000 });
  const failures = [fails(store, "claim"), fails(store, "end"), fails(store, "postpone"), fails(store, "inspect")];
  server.script.push(reset, reset);
  expect(await intents.submit("a", order())).toMatchObject({ state: "done" });
  expect(new Set(server.received.map(({ key }) => key)).size).toBe(1);
  for (const count of failures) expect(count()).toBeGreaterThan(0);
  expect(events).toContainEqual(
    expect.objectContaining({
      type: "fault",
      error: expect.objectContaining({ code: "ONCE_STORE_UNAVAILABLE" }) as unknown,
    }),
  );
});

test("a backoff that fails is reported, and called again when the lease is over", async () => {
  const { server, opened, order } = await intentsBench();
  const delays = [() => Number.NaN, () => expect.fail("no delay"), () => 0];
  const { intents, events } = opened({ leaseMs: 1000, attemptsMax: 1, resumeBackoff: () => delays.shift()!() });
  server.script.push(reset, reset, reset);
  expect(await intents.submit("a", order())).toMatchObject({ state: "done" });
  expect(events.filter(({ type }) => type === "fault")).toHaveLength(2);
});

test("an intent is put off to its end where its server asks for more time than it has, however slow the claim was", async () => {
  const { server, opened, order } = await intentsBench();
  const { intents, store, events } = opened();
  const { claim } = store;
  let msLeft: number | undefined;
  store.claim = async (request) => {
    await setTimeout(20);
    const claimed = await claim(request);
    msLeft ??= claimed.intents[0]?.msLeft;
    return claimed;
  };
  server.script.push(answer(503, { "retry-after": "1000000000" }));
  await intents.add("a", order());
  const delays = () => events.flatMap((event) => (event.type === "postponed" ? [event.delayMs] : []));
  await expect.poll(delays).toHaveLength(1);
  expect(delays()).toEqual([msLeft]);
});

test("when the store does not take it, nothing is sent", async () => {
  const { server, opened, order } = await intentsBench();
  const { intents, store } = opened();
  store.add = () => Promise.reject(new Error("disk full"));
  await expect(intents.submit("a", order())).rejects.toMatchObject({ code: "ONCE_STORE_UNAVAILABLE" });
  expect(server.received).toEqual([]);
});

test.for(["add", "inspect", "list", "purge"] as const)(
  "a store that gives no answer to %s in its time does not answer, which asking again may change",
  async (method) => {
    const { server, opened, order } = await intentsBench();
    const { intents, store } = opened({ storeMsMax: 1 });
    const calls = {
      add: () => intents.add("a", order()),
      inspect: () => intents.inspect("a"),
      list: () => intents.list(),
      purge: () => intents.purge(),
    };
    store[method] = () => new Promise<never>(() => undefined);
    await expect(calls[method]()).rejects.toMatchObject({ code: "ONCE_STORE_UNAVAILABLE" });
    expect(server.received).toEqual([]);
  },
);

/** Has one operation fail three times; the third has its effect, and its acknowledgement is lost. */
function fails(store: IntentStore, method: "claim" | "end" | "postpone" | "inspect"): () => number {
  const real = store[method] as (request: unknown) => Promise<unknown>;
  let calls = 0;
  const failing = async (request: unknown): Promise<unknown> => {
    calls += 1;
    const answer = calls < 3 ? undefined : await real(request);
    if (calls > 3) return answer;
    throw new Error("no answer");
  };
  Object.assign(store, { [method]: failing });
  return () => calls;
}
