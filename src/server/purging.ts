import { notify } from "../core/events.ts";
import type { Store } from "../stores/store.ts";
import type { CheckedEngineOptions } from "./options.ts";

/** After how many operations expired records are removed, and how many at most: more than come in meanwhile. */
const operationsBetween = 100;
const recordsMax = 200;

/**
 * Keeps a store from growing without end: now and then, behind an operation that was carried out, a batch of expired
 * records is removed. A store that forgets by itself has nothing to remove.
 *
 * @returns a function to be called once for each operation that was carried out.
 */
export function purging(store: Store, { onEvent }: CheckedEngineOptions): () => void {
  let operations = 0;
  let isPurging = false;

  const purge = async (): Promise<void> => {
    isPurging = true;
    try {
      await store.purge({ limit: recordsMax });
    } catch (error) {
      notify(onEvent, { kind: "store-failed", scope: "", key: undefined, operation: "purge", error });
    } finally {
      isPurging = false;
    }
  };
  return () => {
    operations += 1;
    if (operations % operationsBetween === 0 && !isPurging) void purge();
  };
}
