import { checkNames } from "../../core/option-names.ts";
import type { Clock } from "../../core/clock.ts";
import { checkClock, checkNumber } from "../../core/options.ts";
import { systemClock } from "../../core/system-clock.ts";
import type { RetryBudget } from "./budget.ts";
import { slidingSum } from "../sliding-sum.ts";
import { thousandths, unit } from "./thousandths.ts";

/** The deposits that requests make into a Finagle budget. */
export interface FinagleBudgetOptions {
  /** How many retries one request pays for: 0 to 1,000 in steps of 0.001, default 0.2. */
  readonly ratio?: number | undefined;
  /** How long a deposit counts, in milliseconds: 1,000 to 60,000, default 10,000. */
  readonly ttlMs?: number | undefined;
  /** Retries that need no deposit, for callers with few requests, per second: 0 to 1,000, default 10. */
  readonly reservePerSecond?: number | undefined;
  /** Where time comes from; default the machine's clock. */
  readonly clock?: Clock | undefined;
}

/** Deposits expire in steps of a hundredth of their life. */
const depositSlices = 100;

/**
 * Finagle's retry budget: each request deposits `ratio` of a retry for `ttlMs`; a retry takes the oldest deposits, or
 * else one from a reserve, which holds up to `ttlMs` of `reservePerSecond` and starts full. Requests fund it also while
 * they fail, so a server near its limit may not recover from an outage with it: prefer `successBudget`. With
 * `reservePerSecond: 0` it is a plain budget that requests fund.
 *
 * Source: Finagle's `RetryBudget` (0.2 for 10 s, 10 retries per second). There a withdrawal is forgotten in its turn
 * too; here the reserve flows in evenly.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 *
 * @example
 * ```ts
 * const fetch = retryingFetch({ budget: finagleBudget() });
 * ```
 */
export function finagleBudget(options: FinagleBudgetOptions = {}): RetryBudget {
  checkNames("finagleBudget", options, { ratio: true, ttlMs: true, reservePerSecond: true, clock: true });
  const clock = checkClock(options.clock) ?? systemClock;
  const ttlMs = checkNumber("ttlMs", options.ttlMs ?? 10_000, { min: 1000, max: 60_000 });
  const perRequest = thousandths(checkNumber("ratio", options.ratio ?? 0.2, { min: 0, max: 1000 }));
  const perSecond = checkNumber("reservePerSecond", options.reservePerSecond ?? 10, { min: 0, max: 1000 });
  const deposits = slidingSum(ttlMs, clock, depositSlices);
  // A thousandth of a token per millisecond is a token per second.
  const reserveMax = perSecond * ttlMs;
  let reserve = reserveMax;
  let filledAt = clock.monotonic();
  const takeReserve = (): boolean => {
    const now = clock.monotonic();
    reserve = Math.min(reserveMax, reserve + (now - filledAt) * perSecond);
    filledAt = now;
    if (reserve < unit) return false;
    reserve -= unit;
    return true;
  };
  return {
    onRequest: () => deposits.add(perRequest),
    tryTake: () => deposits.take(unit) || takeReserve(),
    onSuccess: () => {},
  };
}
