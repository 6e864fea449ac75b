import type { Clock } from "../../core/clock.ts";
import { slidingSum } from "../sliding-sum.ts";
import { recentValues } from "./recent-values.ts";

/** The latest outcomes, counted. */
export interface OutcomeWindow {
  add(failed: boolean): void;
  counts(): { readonly calls: number; readonly failures: number };
}

/** Remembers the last `calls` outcomes, or those of the last `lengthMs` milliseconds. */
export function outcomeWindow(window: { calls: number } | { lengthMs: number }, clock: Clock): OutcomeWindow {
  if ("calls" in window) {
    const outcomes = recentValues(window.calls);
    return {
      add: (failed) => outcomes.add(Number(failed)),
      counts: () => ({ calls: outcomes.size, failures: outcomes.sum() }),
    };
  }
  const [calls, failures] = [slidingSum(window.lengthMs, clock), slidingSum(window.lengthMs, clock)];
  return {
    add(failed) {
      calls.add(1);
      failures.add(Number(failed));
    },
    counts: () => ({ calls: calls.sum(), failures: failures.sum() }),
  };
}
