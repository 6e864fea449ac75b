import type { BoundedStore } from "./bounded-store.ts";

/** Operations between two purges, and the records that one removes at most: more than are added meanwhile. */
const operationsBetween = 100;
const recordsMax = 200;

/** After so many empty purges in a row, purges become half as frequent, down to one in 6400 operations. */
const emptyMax = 3;
const operationsBetweenMax = 64 * operationsBetween;

/** Removes expired records now and then. The end of an operation counts down by itself, so that most operations call nothing. */
export interface ExpiryPurge {
  /** How many operations there are until the next purge: at 0, call `run`. */
  operationsLeft: number;
  run(): void;
}

/**
 * Removes a batch of expired records after each hundredth operation, so that a store does not grow without end. A store
 * that removes them itself, or has none yet, is purged less and less often.
 */
export function expiryPurge(store: Pick<BoundedStore, "purge">): ExpiryPurge {
  let between = operationsBetween;
  let empty = 0;

  const purgeBatch = async (): Promise<void> => {
    // None begins while one runs.
    purge.operationsLeft = Number.POSITIVE_INFINITY;
    try {
      const removed = await store.purge({ limit: recordsMax });
      empty = removed > 0 ? 0 : empty + 1;
      if (empty === 0) between = operationsBetween;
      else if (empty % emptyMax === 0) between = Math.min(2 * between, operationsBetweenMax);
    } catch {
      // The bounded store reports the error, and the next purge tries again.
    } finally {
      purge.operationsLeft = between;
    }
  };
  const purge = { operationsLeft: between, run: () => void purgeBatch() };
  return purge;
}
