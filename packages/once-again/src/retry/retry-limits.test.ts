import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { OnceAgainError } from "../core/errors.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { constantBackoff } from "./backoff.ts";
import { successBudget } from "./budgets/success-budget.ts";
import type { RetryBudget } from "./budgets/budget.ts";
import { retry } from "./retry.ts";

/** Waits for the rejection that is to come; begun before it, so that it is never unhandled. */
async function rejects(promise: Promise<unknown>, reason: unknown): Promise<void> {
  await expect(promise).rejects.toEqual(reason);
}

const atOnce = constantBackoff({ delayMs: 0 });
const fault = new Error("fault");
const fail = (): never => {
  throw fault;
};
const never = (): Promise<never> => new Promise(() => {});

/** The reason with which a promise rejects. */
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => expect.fail(`resolved with ${String(value)}`),
    (error: unknown) => error,
  );

test("no wait is begun that would end after the deadline; the error says when to come back", async () => {
  const clock = fakeClock(1_000_000);
  const call = errorOf(
    retry(fail, {
      clock,
      timeoutMs: 10_000,
      backoff: () => 0,
      decide: () => ({ action: "retry", delayMsMin: 60_000 }),
    }),
  );
  await clock.advance(0);
  expect(await call).toMatchObject({
    code: "ONCE_DEADLINE_EXCEEDED",
    cause: fault,
    details: { attempts: 1, elapsedMs: 0, retryAt: 1_060_000 },
  });
  expect(clock.pending).toBe(0);
});

test("an attempt's time-out aborts its signal and counts as a failure, though the operation ignores it", async () => {
  const clock = fakeClock();
  const signals: AbortSignal[] = [];
  const operation = ({ number, signal }: { number: number; signal: AbortSignal }): Promise<string> | string => {
    signals.push(signal);
    return number === 1 ? never() : "second";
  };
  const call = retry(operation, { clock, attemptTimeoutMs: 500, backoff: atOnce });
  await clock.advance(499);
  expect(signals).toHaveLength(1);
  await clock.advance(1);
  expect(await call).toBe("second");
  expect(signals.map((signal) => signal.aborted)).toEqual([true, false]);
  expect(signals[0]?.reason).toMatchObject({ code: "ONCE_ATTEMPT_TIMEOUT" });
  expect(clock.pending).toBe(0);
});

test("the deadline cuts a running attempt", async () => {
  const clock = fakeClock();
  const remaining: Array<number | undefined> = [];
  const operation = (attempt: { remainingMs: number | undefined }): Promise<never> => {
    remaining.push(attempt.remainingMs);
    return never();
  };
  const call = errorOf(retry(operation, { clock, timeoutMs: 1000, attemptTimeoutMs: 700, backoff: atOnce }));
  await clock.advance(1000);
  expect(await call).toMatchObject({
    code: "ONCE_DEADLINE_EXCEEDED",
    cause: { code: "ONCE_ATTEMPT_TIMEOUT" },
    details: { attempts: 2, elapsedMs: 1000 },
  });
  expect(remaining).toEqual([1000, 300]);
  expect(clock.pending).toBe(0);
});

test("an empty budget ends the call, and successes fill it", async () => {
  const budget = successBudget({ capacity: 10 });
  const options = { attemptsMax: 100, backoff: atOnce, budget };
  expect(await errorOf(retry(fail, options))).toMatchObject({
    code: "ONCE_BUDGET_EXHAUSTED",
    details: { attempts: 11 },
  });
  expect(await errorOf(retry(fail, options))).toMatchObject({ details: { attempts: 1 } });
  for (let success = 0; success < 10; success += 1) await retry(() => success, options);
  expect(await errorOf(retry(fail, options))).toMatchObject({ details: { attempts: 2 } });
});

test("no token is taken for a retry that another limit forbids", async () => {
  const budget: RetryBudget = { tryTake: () => expect.fail("was asked"), onSuccess: () => {} };
  await errorOf(retry(fail, { attemptsMax: 1, budget }));
  await errorOf(retry(fail, { timeoutMs: 10, backoff: () => 20, budget }));
});

test("the caller's abort ends an attempt and a wait at once, with the signal's reason", async () => {
  for (const operation of [never, fail]) {
    const clock = fakeClock();
    const controller = new AbortController();
    const call = errorOf(
      retry(operation, { clock, signal: controller.signal, attemptTimeoutMs: 5000, timeoutMs: 9000 }),
    );
    await clock.advance(0);
    controller.abort(new Error("enough"));
    expect(await call).toBe(controller.signal.reason);
    expect(clock.pending).toBe(0);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  }
});

test("a signal that was aborted before means no attempt", async () => {
  const reason = new Error("too late");
  expect(await errorOf(retry(() => expect.fail("was called"), { signal: AbortSignal.abort(reason) }))).toBe(reason);
});

test("an abort by the listener of attempt-started is not missed", async () => {
  const controller = new AbortController();
  const onEvent = (): void => controller.abort();
  const call = retry(() => expect.fail("was called"), { signal: controller.signal, onEvent });
  expect(await errorOf(call)).toBe(controller.signal.reason);
});

test("10,000 calls on one signal leave neither a listener nor a timer", async () => {
  const clock = fakeClock();
  const { signal } = new AbortController();
  const flaky = ({ number }: { number: number }): number => (number === 1 ? fail() : number);
  const calls = Array.from({ length: 10_000 }, () =>
    retry(flaky, { clock, signal, backoff: () => 1, timeoutMs: 1000, attemptTimeoutMs: 100 }),
  );
  // Node looks through all listeners of a signal for each that is added or removed.
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  await clock.advance(1);
  expect(await Promise.all(calls)).toEqual(calls.map(() => 2));
  expect(getEventListeners(signal, "abort")).toEqual([]);
  expect(clock.pending).toBe(0);
});

test("the late failure of an abandoned attempt is not an unhandled rejection", async () => {
  const unhandled: unknown[] = [];
  const listen = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", listen);
  const clock = fakeClock();
  const operation = ({ signal }: { signal: AbortSignal }): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const call = errorOf(retry(operation, { clock, attemptsMax: 1, attemptTimeoutMs: 10 }));
  await clock.advance(10);
  expect(await call).toMatchObject({ code: "ONCE_ATTEMPTS_EXHAUSTED" });
  await new Promise((resolve) => setTimeout(resolve, 5));
  process.off("unhandledRejection", listen);
  expect(unhandled).toEqual([]);
});

test("a signal alone cuts a running attempt, and so does a deadline alone", async () => {
  const never = (): Promise<never> => new Promise(() => undefined);
  const controller = new AbortController();
  const aborted = rejects(retry(never, { signal: controller.signal }), "enough");
  controller.abort("enough");
  await aborted;
  const clock = fakeClock();
  const late = rejects(
    retry(never, { clock, timeoutMs: 1000 }),
    expect.objectContaining({ code: "ONCE_DEADLINE_EXCEEDED" }),
  );
  await clock.advance(1000);
  await late;
});

test.each([
  "ONCE_IN_PROGRESS",
  "ONCE_NO_EFFECT",
  "ONCE_RESULT_UNCONFIRMED",
  "ONCE_STORE_UNAVAILABLE",
  "ONCE_CLOSED",
  "ONCE_THROTTLED",
  "ONCE_QUEUE_FULL",
] as const)("%s is tried again by default", async (code) => {
  let runs = 0;
  const operation = (): number => {
    runs += 1;
    if (runs === 1) throw new OnceAgainError(code, "test");
    return runs;
  };
  expect(await retry(operation, { backoff: () => 0 })).toBe(2);
});

test("an attempt that a layer held back costs no budget, and one that failed does", async () => {
  const spentOn = async (error: Error): Promise<string[]> => {
    const asked: string[] = [];
    const budget = {
      onFailure: () => void asked.push("failure"),
      tryTake: (kind?: string) => (asked.push(`take ${kind}`), true),
      onSuccess: () => undefined,
    };
    let runs = 0;
    const operation = (): number => {
      runs += 1;
      if (runs === 1) throw error;
      return runs;
    };
    await retry(operation, { budget, backoff: () => 0 });
    return asked;
  };
  for (const code of ["ONCE_CIRCUIT_OPEN", "ONCE_THROTTLED", "ONCE_QUEUE_FULL"] as const) {
    expect(await spentOn(new OnceAgainError(code, "test"))).toEqual([]);
  }
  expect(await spentOn(new Error("fault"))).toEqual(["failure", "take transient"]);
});

test("a budget that throws at a success does not take its value", async () => {
  const budget = {
    tryTake: () => true,
    onSuccess: (): never => {
      throw new Error("broken budget");
    },
  };
  expect(await retry(() => "value", { budget })).toBe("value");
});

test("an attempt is made when the wait ends a millisecond before the deadline, and not when it ends later", async () => {
  for (const [delayMs, attempts] of [
    [999, 2],
    [1000, 1],
  ] as const) {
    const clock = fakeClock();
    let runs = 0;
    const call = retry(
      () => {
        runs += 1;
        throw new Error("fault");
      },
      { clock, timeoutMs: 1000, attemptsMax: 2, backoff: () => delayMs },
    );
    const ended = call.catch(() => undefined);
    await clock.advance(1000);
    await ended;
    expect(runs).toBe(attempts);
  }
});
