import { hasMethod, wrongClientError } from "../core/duck-typing.ts";
import { OnceAgainError } from "../core/errors.ts";
import { invalidOptionError } from "../core/options.ts";
import type { Store } from "../stores/store.ts";
import type { CheckedEngineOptions } from "./options.ts";

/**
 * Refuses what is no store, and a store that can't hold what the options of a leased engine promise.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 */
export function checkLeasedStore(store: Store, options: CheckedEngineOptions): void {
  checkStore(store);
  const { survivesFailover, retentionMsMax = Infinity } = store;
  const { retentionMs, heldRetentionMs, takeOverAfterMs, acknowledgeDuplicates } = options;
  if (retentionMs > retentionMsMax) {
    throw invalidOptionError(
      "retentionMs",
      `at most ${retentionMsMax}, since this store keeps nothing longer`,
      retentionMs,
    );
  }
  if ((heldRetentionMs ?? Infinity) > retentionMsMax) {
    throw invalidOptionError(
      "heldRetentionMs",
      `at most ${retentionMsMax}, since this store removes every record then, held keys too. Give it a store that does not ` +
        "(a bucket of NATS without a ttl), or say with this option when a repeat may run an operation again that may have happened",
      heldRetentionMs,
    );
  }
  if (takeOverAfterMs === undefined || survivesFailover !== "no" || acknowledgeDuplicates) return;
  throw new OnceAgainError(
    "ONCE_UNSAFE_PAIR",
    'onUnknown "rerun" or "finish" on a store that can lose claims runs an operation again even while it runs. Use a ' +
      "store that survives failover, or say with acknowledgeDuplicates: true that the effect is idempotent or keyed further down.",
  );
}

/**
 * Refuses what is no store, and a store that has no transactions to offer.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 */
export function checkTransactionalStore(store: Store): void {
  checkStore(store);
  if (hasMethod(store, "transact")) return;
  throw new OnceAgainError(
    "ONCE_UNSAFE_PAIR",
    "Transactional mode needs a store in the database that the handler writes to. Use postgresStore, mariadbStore or " +
      "sqliteStore there, or leased mode.",
  );
}

function checkStore(store: unknown): void {
  if (!hasMethod(store, "claim")) throw wrongClientError("store", "a store of once-again", store);
}
