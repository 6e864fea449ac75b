import { expect, test } from "vitest";
import { answer, reset, scriptedServer } from "../../../../test/support/scripted-server.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { retryingFetch } from "./retrying-fetch.ts";

const post = { method: "POST", body: "tea" };

/** A budget that never refuses, and what it was charged for. */
function ledger() {
  const charged: unknown[] = [];
  const budget = {
    tryTake: (kind: unknown) => charged.push(kind) > 0,
    onSuccess: (kind: unknown) => void charged.push(`paid back ${String(kind)}`),
  };
  return { budget, charged };
}

test("who was turned away is charged as throttled, and any other failure as transient", async () => {
  const server = await scriptedServer();
  const { budget, charged } = ledger();
  const call = retryingFetch({ keys: true, budget, attemptsMax: 9, backoff: () => 0 });
  server.script.push(
    answer(429),
    answer(429, { "Retry-After": "0" }),
    answer(503, { "Retry-After": "0" }),
    answer(503),
    answer(500, { "Retry-After": "0" }),
    reset,
  );
  expect((await call(server.url)).status).toBe(200);
  const [throttled, transient] = ["throttled", "transient"];
  expect(charged.splice(0)).toEqual([
    throttled,
    throttled,
    throttled,
    transient,
    transient,
    transient,
    "paid back transient",
  ]);
  expect((await call(server.url)).status).toBe(200);
  expect(charged).toEqual(["paid back undefined"]);
});

test("within an attempt a keyed call leaves its answer, and the doubt, to the retry around it", async () => {
  const server = await scriptedServer();
  const within = { number: 2, remainingMs: 5000 };
  const keyed = { ...post, headers: { "idempotency-key": "order-17" }, within };
  const call = retryingFetch({ keys: true, backoff: () => 0 });
  server.script.push(answer(500), reset);
  expect((await call(server.url, keyed)).status).toBe(500);
  await expect(call(server.url, keyed)).rejects.not.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  // Without a key a repeat is not safe, so the doubt ends the call here.
  server.script.push(reset);
  await expect(call(server.url, { ...post, within })).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  expect(server.received).toHaveLength(3);
});

test("how long keys are remembered bounds the calls that have one, and no others", async () => {
  for (const [init, ends] of [
    [{ method: "PUT", body: "tea" }, 200],
    [post, "ONCE_OUTCOME_UNKNOWN"],
  ] as const) {
    const server = await scriptedServer();
    const clock = fakeClock();
    const failed = Promise.withResolvers<void>();
    const onEvent = ({ type }: { type: string }): void => {
      if (type === "retry-scheduled" || type === "gave-up") failed.resolve();
    };
    const call = retryingFetch({ keys: true, clock, keyRetentionMs: 1000, backoff: () => 2000, onEvent });
    server.script.push(reset);
    const ended = call(server.url, init).then(
      ({ status }) => status,
      ({ code }: { code: unknown }) => code,
    );
    await failed.promise;
    await clock.advance(2000);
    expect(await ended).toBe(ends);
  }
});

test("an attempt with no time left when the response before it was read sends nothing", async () => {
  const clock = fakeClock();
  let sent = 0;
  const read = Promise.withResolvers<void>();
  const scheduled = Promise.withResolvers<void>();
  const endless = (): Response => new Response(new ReadableStream({ pull: () => read.promise }), { status: 503 });
  const call = retryingFetch({
    keys: true,
    clock,
    attemptsMax: 2,
    attemptTimeoutMs: 500,
    backoff: () => 0,
    fetch: async () => ((sent += 1) === 1 ? endless() : new Response()),
    onEvent: ({ type }) => void (type === "retry-scheduled" && scheduled.resolve()),
  });
  const ended = call("http://shop.example/", { method: "PUT", body: "tea" }).catch((error: unknown) => error);
  await scheduled.promise;
  await clock.advance(600);
  expect(await ended).toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN", details: { attempts: 2 } });
  read.resolve();
  await clock.advance(10_000);
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent).toBe(1);
});
