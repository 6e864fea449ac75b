import { expect, test } from "vitest";
import { constantBackoff, exponentialBackoff, linearBackoff } from "./backoff.ts";
import { finagleBudget } from "./budgets/index.ts";
import { retrying } from "./layer.ts";
import { adaptiveThrottle, circuitBreaker, hedge } from "./layers/index.ts";
import { retry } from "./retry.ts";

// Programs in plain JavaScript have no compiler that refuses these.

type Make = (options: never) => unknown;

const once = (options: never): Promise<number> => retry(() => 1, options);
const hedgeWith = (options: object): unknown => hedge({ delayMs: 1, ...options });
const constant = (options: object): unknown => constantBackoff({ delayMs: 1, ...options });
const controller = new AbortController();

test.each<[string, Make, string, readonly unknown[]]>([
  ["retry", once, "backoff", [1000, {}, null]],
  ["retry", once, "decide", [true, {}]],
  ["retry", once, "onEvent", ["log", {}]],
  ["retry", once, "signal", [controller, 0, "", {}]],
  ["retry", once, "budget", ["per-origin", 10, {}, null]],
  ["retry", once, "clock", [Date, 0, {}, null]],
  ["retry", once, "random", [7]],
  ["retrying", retrying, "backoff", [1000]],
  ["circuitBreaker", circuitBreaker, "window", [30, "30s"]],
  ["circuitBreaker", circuitBreaker, "isFailure", [[500, 503], true]],
  ["circuitBreaker", circuitBreaker, "clock", [Date]],
  ["adaptiveThrottle", adaptiveThrottle, "isFailure", [[500, 503]]],
  ["adaptiveThrottle", adaptiveThrottle, "random", [7]],
  ["adaptiveThrottle", adaptiveThrottle, "clock", [Date]],
  ["adaptiveThrottle", adaptiveThrottle, "requestsPerAccept", [Infinity]],
  ["hedge", hedgeWith, "isFailure", [[500, 503]]],
  ["hedge", hedgeWith, "budget", ["per-origin", {}]],
  ["hedge", hedgeWith, "clock", [Date, null]],
  ["finagleBudget", finagleBudget, "clock", [Date]],
  ["exponentialBackoff", exponentialBackoff, "jitter", [0.25, {}]],
  ["linearBackoff", linearBackoff, "jitter", [0.25]],
  ["constantBackoff", constant, "jitter", [true]],
])("%s refuses what it could not use, before it is needed (%#)", async (_, make, option, values) => {
  for (const value of values) {
    const made = async (): Promise<unknown> => make({ [option]: value } as never);
    const refusal = { code: "ONCE_OPTION_INVALID", details: { option } };
    await expect(made(), `${option}: ${String(value)}`).rejects.toMatchObject(refusal);
  }
});

test("hedge refuses options that are none", () => {
  expect(() => hedge(null as never)).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
});

const fault = new Error("fault");

test.each<[string, unknown]>([
  ["the promise of an async function", Promise.resolve({ action: "done" })],
  ["a boolean", true],
  ["nothing", undefined],
  ["null", null],
  ["a misspelt action", { action: "retyr" }],
])("%s is no decision: the operation is not made again for it", async (_, decision) => {
  for (const fails of [true, false]) {
    let runs = 0;
    const operation = (): string => {
      runs += 1;
      if (fails) throw fault;
      return "value";
    };
    const call = retry(operation, { backoff: () => 0, decide: () => decision as never });
    await expect(call).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID", details: { option: "decide" } });
    expect(runs).toBe(1);
  }
});

test.each([Number.NaN, -1, Infinity, "2"])("a decision can't name %s as its least delay", async (delayMsMin) => {
  const decide = () => ({ action: "retry", delayMsMin }) as never;
  const call = retry(() => Promise.reject(fault), { backoff: () => 0, decide });
  await expect(call).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
});

test("a breaker that stays open for ever makes no retry wait for ever", async () => {
  const breaker = circuitBreaker({ window: { calls: 1 }, openMs: Infinity });
  const call = retry(
    breaker(() => Promise.reject(fault)),
    { backoff: () => 0, attemptsMax: 3 },
  );
  await expect(call).rejects.toMatchObject({ code: "ONCE_ATTEMPTS_EXHAUSTED", cause: { code: "ONCE_CIRCUIT_OPEN" } });
});
