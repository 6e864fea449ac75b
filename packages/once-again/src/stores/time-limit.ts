import type { Clock } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";

/** Waits for the server at most so long. */
export type TimeLimit = <Value>(awaited: Promise<Value>) => Promise<Value>;

/**
 * @returns a function that waits for a promise, and throws `ONCE_STORE_UNAVAILABLE` when it takes longer than `msMax`
 *   milliseconds. Whether what was asked for is carried out is then unknown.
 */
export function timeLimit(clock: Clock, msMax: number): TimeLimit {
  return async (awaited) => {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const cancel = clock.timer(msMax, () =>
      reject(new OnceAgainError("ONCE_STORE_UNAVAILABLE", `The store's database did not answer for ${msMax} ms.`)),
    );
    try {
      return await Promise.race([awaited, late]);
    } finally {
      cancel();
    }
  };
}
