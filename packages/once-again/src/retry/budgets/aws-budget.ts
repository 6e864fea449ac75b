import { checkNames } from "../../core/option-names.ts";
import { checkNumber } from "../../core/options.ts";
import type { FailureKind, RetryBudget } from "./budget.ts";

/** The costs of retries in the AWS SDKs' standard mode. */
export interface AwsBudgetOptions {
  /** The most tokens it can hold, and the number at the start: a whole number from 1 to 100,000, default 500. */
  readonly capacity?: number | undefined;
  /** The cost of a retry: a whole number of at least 1, default 14 (before 2026: 10 after a time-out). */
  readonly transientCost?: number | undefined;
  /** The cost of a retry after the server turned the attempt away: a whole number of at least 1, default 5. */
  readonly throttledCost?: number | undefined;
}

/**
 * The retry quota of the AWS SDKs' standard mode: retries take tokens, a call that succeeds after retries gets back
 * what its last retry took, and one that succeeds at once brings 1. With the defaults, a server that fails everything
 * gets 35 retries and then none.
 *
 * Source: "Retry behavior", AWS SDKs and Tools Reference Guide (the costs of `AWS_NEW_RETRIES_2026`).
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 *
 * @example
 * ```ts
 * const fetch = retryingFetch({ budget: awsBudget() });
 * ```
 */
export function awsBudget(options: AwsBudgetOptions = {}): RetryBudget {
  checkNames("awsBudget", options, { capacity: true, transientCost: true, throttledCost: true });
  const capacity = checkNumber("capacity", options.capacity ?? 500, { min: 1, max: 100_000, integer: true });
  const costs: Record<FailureKind, number> = {
    transient: checkNumber("transientCost", options.transientCost ?? 14, { min: 1, integer: true }),
    throttled: checkNumber("throttledCost", options.throttledCost ?? 5, { min: 1, integer: true }),
  };
  let tokens = capacity;
  return {
    tryTake(kind = "transient") {
      if (tokens < costs[kind]) return false;
      tokens -= costs[kind];
      return true;
    },
    onSuccess(lastRetryKind) {
      tokens = Math.min(capacity, tokens + (lastRetryKind === undefined ? 1 : costs[lastRetryKind]));
    },
  };
}
