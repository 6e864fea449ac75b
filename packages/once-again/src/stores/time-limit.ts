import { ignoreRejection } from "../core/awaitable.ts";
import type { Clock } from "../core/clock.ts";
import { answerBefore, DeadlineTimer } from "../core/deadline-timer.ts";
import { storeLateError } from "../core/store-late-error.ts";

/** Waits for the server at most so long; `withinMs` is for one wait that has less time than others. */
export type TimeLimit = <Value>(awaited: Promise<Value>, withinMs?: number) => Promise<Value>;

/**
 * @returns a function that waits for a promise, and throws `ONCE_STORE_UNAVAILABLE` when it takes longer than `msMax`
 *   milliseconds. Whether what was asked for is executed is then unknown.
 */
export function timeLimit(clock: Clock, msMax: number): TimeLimit {
  const deadlines = new DeadlineTimer(clock);
  return (awaited, withinMs = msMax) => answerBefore(deadlines, withinMs, awaited, storeLateError);
}

/**
 * Waits in the same way for something that has to be given back.
 *
 * @param giveBack takes what comes when its time is over.
 */
export async function takeInTime<Value>(
  limitTime: TimeLimit,
  lending: Promise<Value>,
  giveBack: (late: Value) => unknown,
): Promise<Value> {
  try {
    return await limitTime(lending);
  } catch (error) {
    ignoreRejection(lending.then(giveBack));
    throw error;
  }
}
