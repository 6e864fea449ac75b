import type { StoreDoor } from "./store-door.ts";

/** After how many operations expired records are removed, and how many at most: more than come in meanwhile. */
const operationsBetween = 100;
const recordsMax = 200;
/** After so many times in a row that found nothing, it is asked for half as often, and at last after 6400 operations. */
const emptyMax = 3;
const operationsBetweenMax = 64 * operationsBetween;

/**
 * Keeps a store from growing without end: now and then, behind an operation that ran, a batch of expired
 * records is removed. A store that forgets by itself, or has nothing to forget yet, is asked less and less often.
 *
 * @returns a function to be called once for each operation that ran.
 */
export function expiryPurge(door: Pick<StoreDoor, "purge">): () => void {
  let operations = 0;
  let between = operationsBetween;
  let empty = 0;
  let isPurging = false;

  const purge = async (): Promise<void> => {
    isPurging = true;
    try {
      const removed = await door.purge({ limit: recordsMax });
      empty = removed > 0 ? 0 : empty + 1;
      if (empty === 0) between = operationsBetween;
      else if (empty % emptyMax === 0) between = Math.min(2 * between, operationsBetweenMax);
    } catch {
      // The store door reports it, and the next time comes.
    } finally {
      isPurging = false;
    }
  };
  return () => {
    operations += 1;
    if (operations < between || isPurging) return;
    operations = 0;
    void purge();
  };
}
