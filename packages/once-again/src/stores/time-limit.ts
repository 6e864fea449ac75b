import type { Clock } from "../core/clock.ts";
import { storeLateError } from "../core/store-late-error.ts";

/** Waits for the server at most so long. */
export type TimeLimit = <Value>(awaited: Promise<Value>) => Promise<Value>;

/**
 * @returns a function that waits for a promise, and throws `ONCE_STORE_UNAVAILABLE` when it takes longer than `msMax`
 *   milliseconds; where the event loop was held up, one turn of it more, which reads what has come meanwhile. Whether what was asked for is executed is then unknown.
 */
export function timeLimit(clock: Clock, msMax: number): TimeLimit {
  return async (awaited) => {
    const { promise: late, reject } = Promise.withResolvers<never>();
    let cancel = clock.timer(msMax, () => {
      cancel = clock.timer(0, () => reject(storeLateError(msMax)));
    });
    try {
      return await Promise.race([awaited, late]);
    } finally {
      cancel();
    }
  };
}
