import { OnceAgainError } from "../../core/errors.ts";
import { checkedNumber } from "../../core/options.ts";
import { settleWithin, valueOf } from "../attempt.ts";
import type { AnyLayer } from "../layer.ts";
import { waitLine } from "./wait-line.ts";

/** How many calls run and wait. */
export interface ConcurrencyLimitOptions {
  /** The most calls that run at once: a whole number of at least 1. */
  readonly max: number;
  /** The most calls that wait for their turn: a whole number of at least 0, default 100. */
  readonly queueMax?: number | undefined;
}

/**
 * Runs at most `max` calls at once; the others wait in the order in which they came. A call that is aborted leaves the
 * queue, and a running one makes room at once, also when the operation ignores its signal. Of a `fetch` it counts the
 * time until the response begins.
 *
 * @returns a layer that throws OnceAgainError `ONCE_QUEUE_FULL` when `queueMax` calls wait already.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export function concurrencyLimit(options: ConcurrencyLimitOptions): AnyLayer {
  const max = checkedNumber("max", options.max, { min: 1, integer: true });
  const queueMax = checkedNumber("queueMax", options.queueMax ?? 100, { min: 0, integer: true });
  const queue = waitLine();
  let running = 0;
  return (next) => async (attempt) => {
    if (running < max) running += 1;
    else if (queue.size >= queueMax) throw queueFull(max, queueMax);
    else await queue.wait(attempt.signal);
    try {
      return valueOf(await settleWithin(next, attempt, attempt.signal));
    } finally {
      // The place is handed on rather than given up, so that nobody slips in before those who wait.
      if (!queue.wakeFirst()) running -= 1;
    }
  };
}

function queueFull(max: number, queueMax: number): OnceAgainError {
  return new OnceAgainError(
    "ONCE_QUEUE_FULL",
    `${max} calls are running and ${queueMax} wait already, so this one was not made. Call again later.`,
  );
}
