import { expect, test } from "vitest";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import type { RetryBudget } from "./budget.ts";
import { retry } from "../retry.ts";
import { awsBudget } from "./aws-budget.ts";
import { finagleBudget } from "./finagle-budget.ts";
import { grpcBudget } from "./grpc-budget.ts";

const refused = expect.objectContaining({ code: "ONCE_OPTION_INVALID" });
const times = (count: number, act: () => void): void => {
  for (let time = 0; time < count; time += 1) act();
};

/** How many retries are paid for in a row. */
function retriesLeft(budget: RetryBudget, kind?: "throttled"): number {
  let retries = 0;
  while (retries < 10_000 && budget.tryTake(kind)) retries += 1;
  return retries;
}

test("gRPC: 10 tokens and a ratio of 0.1 allow 4 retries, then none", async () => {
  let attempts = 0;
  const fail = (): never => {
    attempts += 1;
    throw new Error("UNAVAILABLE");
  };
  const options = { attemptsMax: 100, backoff: () => 0, budget: grpcBudget() };
  await expect(retry(fail, options)).rejects.toMatchObject({ code: "ONCE_BUDGET_EXHAUSTED" });
  expect(attempts).toBe(5);
  await expect(retry(fail, options)).rejects.toMatchObject({ details: { attempts: 1 } });
});

test("gRPC: from 0 tokens it takes 51 successes to allow retries again", () => {
  const budget = grpcBudget();
  times(20, () => budget.onFailure?.());
  times(50, () => budget.onSuccess());
  expect(budget.tryTake()).toBe(false);
  budget.onSuccess();
  expect(budget.tryTake()).toBe(true);
});

test("gRPC: a failure that no retry can help takes no token", async () => {
  const options = { budget: grpcBudget(), decide: () => ({ action: "stop", why: "permanent" }) as const };
  for (let call = 0; call < 10; call += 1) {
    await expect(retry(() => Promise.reject(new Error("INVALID_ARGUMENT")), options)).rejects.toThrow(
      "INVALID_ARGUMENT",
    );
  }
  expect(options.budget.tryTake()).toBe(true);
});

test("AWS: 500 tokens pay for 35 retries, or for 100 after being turned away", () => {
  expect(retriesLeft(awsBudget())).toBe(35);
  expect(retriesLeft(awsBudget(), "throttled")).toBe(100);
  // The costs before 2026.
  expect(retriesLeft(awsBudget({ transientCost: 10 }))).toBe(50);
});

test("AWS: a success gives back what the call's last retry took, or brings 1", () => {
  const budget = awsBudget();
  retriesLeft(budget);
  // 500 - 35 * 14 = 10.
  times(3, () => budget.onSuccess());
  expect(budget.tryTake()).toBe(false);
  budget.onSuccess();
  expect(budget.tryTake()).toBe(true);
  budget.onSuccess("transient");
  expect(budget.tryTake()).toBe(true);
  budget.onSuccess("throttled");
  expect([budget.tryTake(), budget.tryTake("throttled"), budget.tryTake("throttled")]).toEqual([false, true, false]);
});

test("AWS: calls that succeed at their first retry never exhaust it", async () => {
  const budget = awsBudget();
  const options = { backoff: () => 0, budget };
  const flaky = ({ number }: { number: number }): number => {
    if (number === 1) throw new Error("flaky");
    return number;
  };
  for (let call = 0; call < 1000; call += 1) expect(await retry(flaky, options)).toBe(2);
});

test("Finagle: a fifth of the requests of the last 10 s, and a reserve of 10 retries per second", async () => {
  const clock = fakeClock();
  const budget = finagleBudget({ clock });
  expect(retriesLeft(budget)).toBe(100);
  times(50, () => budget.onRequest?.());
  expect(retriesLeft(budget)).toBe(10);
  await clock.advance(1000);
  expect(retriesLeft(budget)).toBe(10);
  times(50, () => budget.onRequest?.());
  await clock.advance(10_000);
  expect(retriesLeft(budget)).toBe(100);
  await clock.advance(1_000_000);
  expect(retriesLeft(budget)).toBe(100);
});

test("Finagle without a reserve: ten requests at a tenth pay for exactly one retry", async () => {
  const budget = finagleBudget({ ratio: 0.1, reservePerSecond: 0, clock: fakeClock() });
  const options = { budget, attemptsMax: 3, backoff: () => 0 };
  for (let call = 0; call < 9; call += 1) await retry(() => call, options);
  let attempts = 0;
  const call = retry(() => Promise.reject(new Error(String((attempts += 1)))), options);
  await expect(call).rejects.toMatchObject({ code: "ONCE_BUDGET_EXHAUSTED" });
  expect(attempts).toBe(2);
});

test("options out of bounds are refused", () => {
  expect(() => grpcBudget({ tokensMax: 0 })).toThrow(refused);
  expect(() => grpcBudget({ tokenRatio: 0 })).toThrow(refused);
  expect(() => awsBudget({ capacity: 1.5 })).toThrow(refused);
  expect(() => awsBudget({ throttledCost: 0 })).toThrow(refused);
  expect(() => finagleBudget({ ttlMs: 999 })).toThrow(refused);
  expect(() => finagleBudget({ ratio: -1 })).toThrow(refused);
});
