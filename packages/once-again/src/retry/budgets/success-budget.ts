import { checkNames } from "../../core/option-names.ts";
import type { RetryBudget } from "./budget.ts";
import { thousandths, unit } from "./thousandths.ts";

interface SuccessBudgetOptions {
  readonly tokensPerSuccess?: number | undefined;
  readonly capacity?: number | undefined;
}

/**
 * A budget that successes fund: a retry costs one token, a success brings a part of one. It starts full. While the
 * server answers nothing the budget runs dry, and retries stop until successes come back. (A budget that requests
 * fund goes on retrying through an outage, and keeps a busy server from ever recovering.)
 *
 * @param options.tokensPerSuccess the part of a token that one success brings: 0.001 to 1 in steps of 0.001, default 0.1.
 * @param options.capacity the most tokens it can hold, and the number at the start: 10 to 1,000, default 100.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 *
 * @example
 * ```ts
 * const fetch = retryingFetch({ budget: successBudget({ capacity: 50 }) });
 * ```
 */
export function successBudget(options: SuccessBudgetOptions = {}): RetryBudget {
  checkNames("successBudget", options, {
    tokensPerSuccess: { min: 0.001, max: 1 },
    capacity: { min: 10, max: 1000 },
  });
  return refundedBudget(options);
}

/** The same for options that need no check. */
export function refundedBudget({
  tokensPerSuccess = 0.1,
  capacity: tokensMax = 100,
}: SuccessBudgetOptions): RetryBudget {
  const capacity = thousandths(tokensMax);
  const refund = thousandths(tokensPerSuccess);
  let tokens = capacity;
  return {
    tryTake() {
      if (tokens < unit) return false;
      tokens -= unit;
      return true;
    },
    onSuccess() {
      tokens = Math.min(capacity, tokens + refund);
    },
  };
}
