import assert from "node:assert/strict";
import { test } from "node:test";
import { exponentialBackoff, noJitter, retry } from "once-again";
import { onceWeb } from "once-again/web";
import { memoryStore } from "once-again/stores/memory";
import { fakeClock } from "@once-again/testing";

void test("a key is remembered for a day, and not a millisecond longer", async () => {
  const clock = fakeClock();
  let runs = 0;
  const handler = () => new Response(String((runs += 1)));
  const orders = onceWeb({ store: memoryStore({ clock }), clock, scope: "public", retentionMs: 86_400_000 }, handler);
  const send = async () =>
    (await orders(new Request("http://shop.example", { method: "POST", headers: { "idempotency-key": "7" } }))).text();

  assert.equal(await send(), "1");
  await clock.advance(86_399_999);
  assert.equal(await send(), "1");
  await clock.advance(1);
  assert.equal(await send(), "2");
});

void test("the fourth attempt comes after 1 + 2 + 4 seconds", async () => {
  const clock = fakeClock();
  const attempts: number[] = [];
  const failing = async () => {
    attempts.push(clock.monotonic());
    throw new Error("not yet");
  };
  const ended = assert.rejects(
    retry(failing, { clock, attemptsMax: 4, backoff: exponentialBackoff({ jitter: noJitter() }) }),
  );
  await clock.advance(60_000);
  await ended;
  assert.deepEqual(attempts, [0, 1000, 3000, 7000]);
});
