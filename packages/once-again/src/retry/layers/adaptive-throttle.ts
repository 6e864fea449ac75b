import { OnceAgainError } from "../../core/errors.ts";
import { settleWithin, valueOf } from "../attempt.ts";
import type { AnyLayer } from "../layer.ts";
import { guardIsFailure, isFailureByDefault, judge } from "./failure-predicate.ts";
import { type AdaptiveThrottleOptions, throttleSettings } from "./throttle-options.ts";
import { throttleState } from "./throttle-state.ts";

/**
 * Holds back a growing share of the calls while the server accepts few of them. A call that is refused here costs the
 * server nothing. Calls held back count as requests; the others count when their outcome is known, so that a burst of
 * first calls does not throttle itself. Share one among all the calls to the same place.
 *
 * @returns a layer that throws OnceAgainError `ONCE_THROTTLED` instead of calling.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 *
 * @example
 * ```ts
 * const fetch = retryingFetch({ layers: () => [adaptiveThrottle()] });
 * ```
 */
export function adaptiveThrottle(options: AdaptiveThrottleOptions = {}): AnyLayer {
  const state = throttleState(throttleSettings(options));
  const isFailure = guardIsFailure(options.isFailure ?? isFailureByDefault);
  return (next) => async (attempt) => {
    if (!state.admits()) throw throttledError();
    const outcome = await settleWithin(next, attempt, attempt.signal);
    const hasFailed = judge(outcome, attempt, isFailure);
    if (hasFailed !== undefined) state.count(hasFailed);
    return valueOf(outcome);
  };
}

function throttledError(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_THROTTLED",
    "The server refuses too many calls at present, so this one was not made. Call again later.",
  );
}
