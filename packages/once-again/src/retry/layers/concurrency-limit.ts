import { OnceAgainError } from "../../core/errors.ts";
import { settleWithin, valueOf } from "../attempt.ts";
import type { AnyLayer } from "../layer.ts";
import {
  type ConcurrencyLimitOptions,
  type ConcurrencySettings,
  concurrencySettings,
  concurrencyState,
} from "./concurrency-state.ts";
import { waitQueue } from "../../core/semaphore.ts";

/**
 * Runs at most `runningMax` calls at once; the others wait in the order in which they came. A call that is aborted leaves
 * the queue, and a running one makes room at once, also when the operation ignores its signal. Of a `fetch` it counts the
 * time until the response begins.
 *
 * @returns a layer that throws OnceAgainError `ONCE_QUEUE_FULL` when `queueMax` calls wait already.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 *
 * @example
 * ```ts
 * const limit = concurrencyLimit({ runningMax: 20, queueMax: 100 });
 * const report = await run(limit(() => buildReport()));
 * ```
 */
export function concurrencyLimit(options: ConcurrencyLimitOptions): AnyLayer {
  const settings = concurrencySettings(options);
  const state = concurrencyState(settings);
  const queue = waitQueue();
  return (next) => async (attempt) => {
    const entry = state.enter(queue.size());
    if (entry === "full") throw queueFullError(settings);
    if (entry === "wait") await queue.wait(attempt.signal);
    try {
      return valueOf(await settleWithin(next, attempt, attempt.signal));
    } finally {
      // The next in the queue takes over directly, so that no newcomer slips in before it.
      if (!queue.wakeFirst()) state.leave();
    }
  };
}

function queueFullError({ runningMax, queueMax }: ConcurrencySettings): OnceAgainError {
  return new OnceAgainError(
    "ONCE_QUEUE_FULL",
    `${runningMax} calls are running and ${queueMax} wait already, so this one was not made. Call again later.`,
  );
}
