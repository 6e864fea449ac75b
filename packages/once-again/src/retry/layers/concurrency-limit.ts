import { OnceAgainError } from "../../core/errors.ts";
import { settleWithin, valueOf } from "../attempt.ts";
import type { AnyLayer } from "../layer.ts";
import { type ConcurrencyLimitOptions, type ConcurrencySettings, concurrencySettings, placesOf } from "./places.ts";
import { waitLine } from "./wait-line.ts";

/**
 * Runs at most `max` calls at once; the others wait in the order in which they came. A call that is aborted leaves the
 * queue, and a running one makes room at once, also when the operation ignores its signal. Of a `fetch` it counts the
 * time until the response begins.
 *
 * @returns a layer that throws OnceAgainError `ONCE_QUEUE_FULL` when `queueMax` calls wait already.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export function concurrencyLimit(options: ConcurrencyLimitOptions): AnyLayer {
  const settings = concurrencySettings(options);
  const places = placesOf(settings);
  const queue = waitLine();
  return (next) => async (attempt) => {
    const entry = places.enter(queue.size);
    if (entry === "full") throw queueFull(settings);
    if (entry === "wait") await queue.wait(attempt.signal);
    try {
      return valueOf(await settleWithin(next, attempt, attempt.signal));
    } finally {
      // The place is handed on rather than given up, so that nobody slips in before those who wait.
      if (!queue.wakeFirst()) places.free();
    }
  };
}

function queueFull({ max, queueMax }: ConcurrencySettings): OnceAgainError {
  return new OnceAgainError(
    "ONCE_QUEUE_FULL",
    `${max} calls are running and ${queueMax} wait already, so this one was not made. Call again later.`,
  );
}
