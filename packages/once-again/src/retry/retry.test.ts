import * as fc from "fast-check";
import { expect, test } from "vitest";
import { OnceAgainError } from "../core/errors.ts";
import { seededRandom } from "../core/random.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { constantBackoff, exponentialBackoff } from "./backoff.ts";
import { noJitter } from "./jitter.ts";
import type { RetryEvent } from "./retry-event.ts";
import type { RetryOptions } from "./retry-options.ts";
import { retry } from "./retry.ts";

const jitter = noJitter();
const atOnce = constantBackoff({ delayMs: 0 });
const fault = new Error("fault");
const fail = (): never => {
  throw fault;
};
const types = (events: readonly RetryEvent[]): string[] => events.map((event) => event.type);

/** The reason with which a promise rejects. */
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => expect.fail(`resolved with ${String(value)}`),
    (error: unknown) => error,
  );

test("the first value is the result, and the operation knows its attempt", async () => {
  expect(await retry((attempt) => attempt.number)).toBe(1);
  expect(await retry(({ number }) => (number < 3 ? fail() : number), { backoff: atOnce })).toBe(3);
  expect(await retry(({ remainingMs, signal }) => [remainingMs, signal.aborted])).toEqual([undefined, false]);
});

test("waits 1, 2, 4, 8 s before the four retries of the default", async () => {
  const clock = fakeClock();
  const starts: number[] = [];
  const call = errorOf(
    retry(
      () => {
        starts.push(clock.monotonic());
        fail();
      },
      { clock, timeoutMs: 60_000, backoff: exponentialBackoff({ jitter }) },
    ),
  );
  await clock.advance(60_000);
  expect(await call).toMatchObject({
    code: "ONCE_ATTEMPTS_EXHAUSTED",
    cause: fault,
    details: { attempts: 5, elapsedMs: 15_000 },
  });
  expect(starts).toEqual([0, 1000, 3000, 7000, 15_000]);
  expect(clock.pending).toBe(0);
});

test("the error says how long the call took, also without a deadline and a listener", async () => {
  const clock = fakeClock();
  const error = errorOf(retry(fail, { clock, attemptsMax: 2, backoff: () => 70 }));
  await clock.advance(70);
  expect(await error).toMatchObject({ code: "ONCE_ATTEMPTS_EXHAUSTED", details: { attempts: 2, elapsedMs: 70 } });
});

test.each([{}, { attemptTimeoutMs: 1000 }])("a spread of the attempt has its signal, with %o", async (options) => {
  const names = await retry((attempt) => {
    const spread = { ...attempt };
    expect(spread.signal).toBe(attempt.signal);
    expect(spread.signal).toBeInstanceOf(AbortSignal);
    return Object.keys(spread);
  }, options);
  expect(names).toEqual(["number", "signal", "remainingMs", "repeatable"]);
});

test("a value that the decision does not take is tried again, and returned when attempts run out", async () => {
  const options: RetryOptions<number> = {
    attemptsMax: 3,
    backoff: atOnce,
    decide: (outcome) => ("value" in outcome && outcome.value > 9 ? { action: "done" } : { action: "retry" }),
  };
  expect(await retry((attempt) => attempt.number * 5, options)).toBe(10);
  expect(await retry((attempt) => attempt.number, options)).toBe(3);
});

test("a decision to stop rethrows the error as it is", async () => {
  let attempts = 0;
  const count = (): never => {
    attempts += 1;
    return fail();
  };
  expect(await errorOf(retry(count, { decide: () => ({ action: "stop", why: "hopeless" }) }))).toBe(fault);
  expect(await errorOf(retry(count, { decide: () => ({ action: "done" }) }))).toBe(fault);
  expect(attempts).toBe(2);
});

test("of our own errors only the passing ones are tried again", async () => {
  for (const [code, attemptsExpected] of [
    ["ONCE_KEY_REUSED", 1],
    ["ONCE_ATTEMPTS_EXHAUSTED", 1],
    ["ONCE_STORE_UNAVAILABLE", 2],
  ] as const) {
    let attempts = 0;
    const operation = (): never => {
      attempts += 1;
      throw new OnceAgainError(code, "test");
    };
    await errorOf(retry(operation, { attemptsMax: 2, backoff: atOnce }));
    expect([code, attempts]).toEqual([code, attemptsExpected]);
  }
});

test("a least delay is a lower bound, with a random part of the backoff on top", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(5000),
      fc.integer({ min: 0, max: 2000 }),
      fc.integer(),
      async (delayMsMin, backoffMs, seed) => {
        const clock = fakeClock();
        const starts: number[] = [];
        const call = retry(
          ({ number }) => {
            starts.push(clock.monotonic());
            return number === 1 ? fail() : number;
          },
          {
            clock,
            random: seededRandom(seed),
            backoff: () => backoffMs,
            decide: (outcome) => ("value" in outcome ? { action: "done" } : { action: "retry", delayMsMin }),
          },
        );
        await clock.advance(10_000);
        await call;
        expect(starts[1]).toBeGreaterThanOrEqual(delayMsMin);
        expect(starts[1]).toBeLessThanOrEqual(delayMsMin + backoffMs);
      },
    ),
    { numRuns: 50 },
  );
});

test("events tell the story of a success, of a failure and of an abort, with one end each", async () => {
  const clock = fakeClock();
  const events: RetryEvent[] = [];
  const onEvent = (event: RetryEvent): void => {
    events.push(event);
    throw new Error("a listener's fault");
  };
  const options = { clock, onEvent, attemptsMax: 2, backoff: () => 5 };
  const success = retry(({ number }) => (number === 1 ? fail() : number), options);
  await clock.advance(5);
  await success;
  expect(events).toEqual([
    { type: "attempt-started", attempt: 1 },
    { type: "attempt-failed", attempt: 1, error: fault },
    { type: "retry-scheduled", attempt: 1, delayMs: 5, why: undefined },
    { type: "attempt-started", attempt: 2 },
    { type: "succeeded", attempts: 2, elapsedMs: 5 },
  ]);

  events.length = 0;
  await errorOf(retry(fail, { ...options, attemptsMax: 1 }));
  expect(events.slice(1)).toEqual([
    { type: "attempt-failed", attempt: 1, error: fault },
    { type: "retry-denied", attempt: 1, why: "attempts" },
    { type: "gave-up", attempts: 1, elapsedMs: 0, why: "attempts" },
  ]);

  events.length = 0;
  await errorOf(retry(fail, { ...options, signal: AbortSignal.abort() }));
  expect(events).toEqual([{ type: "gave-up", attempts: 0, elapsedMs: 0, why: "aborted" }]);

  events.length = 0;
  await retry(() => "poor", { ...options, decide: () => ({ action: "stop", why: "hopeless" }) });
  expect(types(events)).toEqual(["attempt-started", "attempt-failed", "retry-denied", "gave-up"]);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, -1])("a backoff that answers %s is refused", async (delayMs) => {
  expect(await errorOf(retry(fail, { backoff: () => delayMs }))).toMatchObject({ code: "ONCE_OPTION_INVALID" });
});

test.each([{ attemptsMax: 0 }, { attemptsMax: 1.5 }, { timeoutMs: 0 }, { attemptTimeoutMs: -1 }])(
  "%o is refused before the first attempt",
  async (options) => {
    const call = retry(() => expect.fail("was called"), options);
    expect(await errorOf(call)).toMatchObject({ code: "ONCE_OPTION_INVALID" });
  },
);
