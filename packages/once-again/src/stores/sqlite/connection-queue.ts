import type { Clock } from "../../core/clock.ts";
import { OnceAgainError } from "../../core/errors.ts";

/** One at a time: who comes while another works waits for its turn, first come, first served. */
export type TakeTurn = <Value>(work: () => Promise<Value> | Value) => Promise<Value>;

/**
 * The turns of one connection. An open transaction owns the whole connection, so nothing else may use it meanwhile.
 *
 * @param bounds.waitMsMax how long one waits for its turn; then `ONCE_STORE_UNAVAILABLE`, and the work was not begun.
 * @param bounds.queueMax how many may wait; one more is refused at once, likewise.
 */
export function connectionQueue(clock: Clock, bounds: { waitMsMax: number; queueMax: number }): TakeTurn {
  const queue = new Set<() => void>();
  let busy = false;

  const next = (): void => {
    const [first] = queue;
    busy = first !== undefined;
    first?.();
  };

  const turn = (): Promise<void> | undefined => {
    if (!busy) {
      busy = true;
      return undefined;
    }
    if (queue.size >= bounds.queueMax) throw unavailableError(`${queue.size} operations wait for it already`);
    return new Promise((resolve, reject) => {
      const start = (): void => {
        cancel();
        queue.delete(start);
        resolve();
      };
      const cancel = clock.timer(bounds.waitMsMax, () => {
        queue.delete(start);
        reject(unavailableError(`it was busy for ${bounds.waitMsMax} ms`));
      });
      queue.add(start);
    });
  };

  return async (work) => {
    await turn();
    try {
      return await work();
    } finally {
      next();
    }
  };
}

/** The error for a database that others keep busy. */
export function unavailableError(why: string, cause?: unknown): OnceAgainError {
  return new OnceAgainError("ONCE_STORE_UNAVAILABLE", `The SQLite store did nothing: ${why}. Ask again later.`, {
    cause,
  });
}
