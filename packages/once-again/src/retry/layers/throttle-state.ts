import { draw } from "../../core/random.ts";
import { slidingSum } from "../sliding-sum.ts";
import type { ThrottleSettings } from "./throttle-options.ts";

/** The calls that an adaptive throttle has counted, and the decision on the next call. */
export interface ThrottleState {
  /** Whether a call may go through. One that may not counts as a request that the server did not accept. */
  admits(): boolean;
  /** Counts a call that has a known outcome. */
  count(hasFailed: boolean): void;
}

/**
 * The chance with which the next call is held back: max(0, (requests - K * accepts) / (requests + 1)).
 *
 * Source: "Handling Overload", Site Reliability Engineering (Google, 2016), chapter 21, equation 21-1.
 */
export function rejectionProbability(requests: number, accepts: number, requestsPerAccept: number): number {
  return Math.max(0, (requests - requestsPerAccept * accepts) / (requests + 1));
}

/** The rule of an adaptive throttle, without the calls. */
export function throttleState({ clock, random, requestsPerAccept, windowMs }: ThrottleSettings): ThrottleState {
  const [requests, accepts] = [slidingSum(windowMs, clock), slidingSum(windowMs, clock)];
  return {
    admits() {
      if (draw(random) >= rejectionProbability(requests.sum(), accepts.sum(), requestsPerAccept)) return true;
      requests.add(1);
      return false;
    },
    count(hasFailed) {
      requests.add(1);
      accepts.add(Number(!hasFailed));
    },
  };
}
