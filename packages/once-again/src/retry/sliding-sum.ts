import type { Clock } from "../core/clock.ts";

/** A sum that forgets what is older than its window. */
export interface SlidingSum {
  /** @param amount 0 or more. */
  add(amount: number): void;
  sum(): number;
  /** Takes `amount` out, the oldest first. `false`: the sum is less than that, and nothing was taken. */
  take(amount: number): boolean;
}

/**
 * @param windowMs how long an amount counts, in milliseconds.
 * @param slices the window moves in steps of its length divided by this: an amount counts for up to a step less.
 */
export function slidingSum(windowMs: number, clock: Clock, slices = 10): SlidingSum {
  const sliceMs = windowMs / slices;
  const amounts = new Float64Array(slices);
  let newest = Math.floor(clock.monotonic() / sliceMs);
  /** Empties the slices that time has passed since the last call. */
  const turn = (): void => {
    const now = Math.floor(clock.monotonic() / sliceMs);
    if (now - newest >= slices) amounts.fill(0);
    else for (let slice = newest + 1; slice <= now; slice += 1) amounts[slice % slices] = 0;
    newest = now;
  };
  const sum = (): number => {
    turn();
    return amounts.reduce((total, amount) => total + amount, 0);
  };
  return {
    add(amount) {
      turn();
      const index = newest % slices;
      amounts[index] = (amounts[index] ?? 0) + amount;
    },
    sum,
    take(amount) {
      if (sum() < amount) return false;
      let remaining = amount;
      for (let slice = newest + 1; slice <= newest + slices; slice += 1) {
        const index = slice % slices;
        const part = Math.min(remaining, amounts[index] ?? 0);
        amounts[index] = (amounts[index] ?? 0) - part;
        remaining -= part;
      }
      return true;
    },
  };
}
