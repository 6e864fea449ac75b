import { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/events.ts";
import { constantBackoff, noJitter, retry } from "../retry/index.ts";
import type { RecordName } from "../stores/store.ts";
import type { CheckedEngineOptions } from "./options.ts";
import type { StoreOperation } from "./server-event.ts";

/** Asks the store for one operation of the port, again when it fails: every one is idempotent for its owner. */
export type CallStore = <Answer>(
  operation: StoreOperation,
  name: RecordName,
  call: () => Promise<Answer>,
) => Promise<Answer>;

/** How often one operation is asked for; the second time settles a lost acknowledgement. */
const attemptsMax = 2;

/**
 * @returns a caller that throws `ONCE_STORE_UNAVAILABLE` when the store failed twice, or did not answer within
 *   `storeMsMax`; whether the operation was carried out is then unknown.
 */
export function storeCalls({ clock, storeMsMax, onEvent }: CheckedEngineOptions): CallStore {
  const backoff = constantBackoff({ delayMs: 20, jitter: noJitter() });
  return async (operation, { scope, key }, call) => {
    try {
      return await retry(call, { attemptsMax, backoff, deadlineMs: storeMsMax, clock });
    } catch (error) {
      notify(onEvent, { kind: "store-failed", scope, key, operation, error });
      throw storeUnavailable(error);
    }
  };
}

/** The error for a store that failed; its own error is the cause. */
export function storeUnavailable(cause: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_STORE_UNAVAILABLE",
    "The store of idempotency keys does not answer. Send the request again later, with the same key.",
    { cause },
  );
}
