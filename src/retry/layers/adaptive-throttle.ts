import type { Clock } from "../../core/clock.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { checkedNumber } from "../../core/options.ts";
import { type Random, systemRandom } from "../../core/random.ts";
import { systemClock } from "../../core/system-clock.ts";
import { settleWithin, valueOf } from "../attempt.ts";
import type { AnyLayer } from "../layer.ts";
import { slidingSum } from "../sliding-sum.ts";
import { type Failed, failedByDefault, judge } from "./judge.ts";

/** How eagerly a throttle holds calls back. */
export interface AdaptiveThrottleOptions {
  /**
   * K: how many requests are let through for each that the server accepts: at least 1, default 2. Less spares the
   * server more; more notices sooner that it has recovered.
   */
  readonly requestsPerAccept?: number | undefined;
  /** How far back it counts, in milliseconds: at least 10, default 120,000. */
  readonly windowMs?: number | undefined;
  /** What the server did not accept; default: an error, or an HTTP status of 429 or from 500 on. */
  readonly failed?: Failed | undefined;
  /** Where time comes from; default the machine's clock. */
  readonly clock?: Clock | undefined;
  /** Where chance comes from; default the machine's. */
  readonly random?: Random | undefined;
}

/**
 * The chance with which the next call is held back: max(0, (requests - K * accepts) / (requests + 1)).
 *
 * Source: "Handling Overload", Site Reliability Engineering (Google, 2016), chapter 21, equation 21-1.
 */
export function rejectionProbability(requests: number, accepts: number, requestsPerAccept: number): number {
  return Math.max(0, (requests - requestsPerAccept * accepts) / (requests + 1));
}

/**
 * Holds back a growing share of the calls while the server accepts few of them. A call that is refused here costs the
 * server nothing. Calls held back count as requests; the others count when their outcome is known, so that a burst of
 * first calls does not throttle itself. Share one among all the calls to the same place.
 *
 * @returns a layer that throws OnceAgainError `ONCE_THROTTLED` instead of calling.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export function adaptiveThrottle(options: AdaptiveThrottleOptions = {}): AnyLayer {
  const { clock = systemClock, failed = failedByDefault, random = systemRandom } = options;
  const requestsPerAccept = checkedNumber("requestsPerAccept", options.requestsPerAccept ?? 2, { min: 1 });
  const windowMs = checkedNumber("windowMs", options.windowMs ?? 120_000, { min: 10 });
  const [requests, accepts] = [slidingSum(windowMs, clock), slidingSum(windowMs, clock)];
  return (next) => async (attempt) => {
    if (random() < rejectionProbability(requests.sum(), accepts.sum(), requestsPerAccept)) {
      requests.add(1);
      throw throttled();
    }
    const outcome = await settleWithin(next, attempt, attempt.signal);
    const hasFailed = judge(outcome, attempt, failed);
    if (hasFailed !== undefined) {
      requests.add(1);
      accepts.add(Number(!hasFailed));
    }
    return valueOf(outcome);
  };
}

function throttled(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_THROTTLED",
    "The server refuses too many calls at present, so this one was not made. Call again later.",
  );
}
