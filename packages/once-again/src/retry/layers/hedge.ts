import type { Clock } from "../../core/clock.ts";
import { checkClock, requireBoolean } from "../../core/options.ts";
import { systemClock } from "../../core/system-clock.ts";
import { valueOf } from "../attempt.ts";
import type { AnyLayer } from "../layer.ts";
import type { RetryBudget } from "../budgets/budget.ts";
import { checkBudget } from "../retry-options.ts";
import { hedgeRule } from "./hedge-rule.ts";
import { guardIsFailure, type IsFailure, statusOf } from "./failure-predicate.ts";
import { race } from "./race.ts";

/** When a second call is sent after the first. */
export interface HedgeOptions {
  /**
   * How long the first call may take before a second one is sent, in milliseconds: at least 0. `"p95"`: as long as 95%
   * of the last 100 first calls took; none is hedged before 20 are known.
   */
  readonly delayMs: number | "p95";
  /** The most further calls for one call, each `delayMs` after the one before: a whole number from 1 to 10, default 1. */
  readonly hedgesMax?: number | undefined;
  /** The budget that pays for hedges, as it pays for retries: share it with them. Default none: hedges are free. */
  readonly budget?: RetryBudget | undefined;
  /**
   * Which outcomes do not end the race while another call runs; default: an error, or an HTTP status from 400 on. One over
   * which it throws does not end it either.
   */
  readonly isFailure?: IsFailure | undefined;
  /** Where time comes from; default the machine's clock. */
  readonly clock?: Clock | undefined;
}

const isErrorStatus: IsFailure = (outcome) => "error" in outcome || statusOf(outcome) >= 400;

/**
 * Sends a call a second time when the first is slow, and takes the answer that comes first: this cuts the tail of the
 * latencies. The others are cancelled by their signal. When all fail, an error of theirs is thrown (several as an
 * AggregateError), or else the last value is returned.
 *
 * The operation may run twice at the same time: place this only before one that may, a read or a call that carries an
 * idempotency key. An attempt that says that it is not `repeatable` is never hedged.
 *
 * Source: Dean and Barroso, "The Tail at Scale", CACM 56(2), 2013.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 *
 * @example
 * ```ts
 * const fetch = retryingFetch({ layers: ({ budget }) => [hedge({ delayMs: "p95", budget })] });
 * ```
 */
export function hedge(options: HedgeOptions): AnyLayer {
  const rule = hedgeRule(options);
  const budget = checkBudget(options.budget);
  const clock = checkClock(options.clock) ?? systemClock;
  const isFailure = guardIsFailure(options.isFailure ?? isErrorStatus);
  return (next) => async (attempt) => {
    const startedAt = clock.monotonic();
    const outcome = await race(next, attempt, {
      delayMs: attempt.repeatable === false ? undefined : rule.delayMs(),
      hedgesMax: rule.hedgesMax,
      mayHedge: () => mayTake(budget),
      isFailure,
      clock,
    });
    // Where a hedge was faster, the first call would have taken longer still: leaving it out would make p95 shrink.
    if (!isFailure(outcome)) rule.recordLatency(clock.monotonic() - startedAt);
    return valueOf(outcome);
  };
}

/** Whether the budget pays for a hedge. One that throws does not. */
function mayTake(budget: RetryBudget | undefined): boolean {
  let isTaken: unknown;
  try {
    isTaken = budget === undefined || budget.tryTake();
  } catch {
    return false;
  }
  return requireBoolean("budget.tryTake()", isTaken);
}
