import { checkNumber } from "once-again/internal";
import type { CallCounts } from "./records/storm-result.ts";
import { simulateStorm } from "./storm.ts";
import type { StormOptions } from "./storm-options.ts";

/** The same storm with one seed after the other. */
export interface StormTrials {
  readonly name: string;
  readonly trials: number;
  /** The first seed; the others follow it. */
  readonly seed: number;
  /** The share of the trials that collapsed: less than half of the calls succeeded. */
  readonly collapsed: number;
  /** The median share of calls that succeeded, in the trials that collapsed and in the others; `null` without any. */
  readonly succeeded: { readonly collapsed: number | null; readonly others: number | null };
}

/** Below this share of successes a storm has collapsed. Runs of a storm lie far above it or far below. */
const collapseShare = 0.5;

export const hasCollapsed = ({ begun, succeeded }: Pick<CallCounts, "begun" | "succeeded">): boolean =>
  succeeded < collapseShare * begun;

/**
 * Simulates a storm with many seeds, one a step. A storm may recover with one seed and collapse with the next: then a single
 * run, or a median, says nothing, and the share that collapses does.
 *
 * @param trials a whole number from 1 to 10,000.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` at the first step, for an option out of bounds.
 */
export function* trialSteps(
  options: StormOptions,
  trials: number,
): Generator<{ readonly share: number }, StormTrials, void> {
  checkNumber("trials", trials, { min: 1, max: 10_000, integer: true });
  const seed = options.seed ?? 1;
  const collapsed: number[] = [];
  const others: number[] = [];
  let name = "";
  for (let trial = 0; trial < trials; trial += 1) {
    const result = simulateStorm({ ...options, seed: seed + trial });
    ({ name } = result);
    const { begun, succeeded } = result.calls;
    (hasCollapsed(result.calls) ? collapsed : others).push(begun === 0 ? 0 : succeeded / begun);
    yield { share: (trial + 1) / trials };
  }
  return {
    ...{ name, trials, seed },
    collapsed: collapsed.length / trials,
    succeeded: { collapsed: findMedian(collapsed), others: findMedian(others) },
  };
}

function findMedian(values: readonly number[]): number | null {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = (sorted.length - 1) / 2;
  return sorted.length === 0 ? null : (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}
