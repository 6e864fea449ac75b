import { hasMethod, wrongClientError } from "../core/client-names.ts";
import { OnceAgainError } from "../core/errors.ts";

/**
 * Refuses what is no store, saying what to do with it.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; `ONCE_UNSAFE_PAIR` for a store that has no transactions to offer.
 */
export function checkStore(store: unknown, mode: "leased" | "transactional" = "leased"): void {
  if (!hasMethod(store, "claim")) throw wrongClientError("store", "a store of once-again", store);
  if (mode === "transactional" && !hasMethod(store, "transact")) {
    throw new OnceAgainError(
      "ONCE_UNSAFE_PAIR",
      "Transactional mode needs a store in the database that the handler writes to. Use postgresStore, mariadbStore or " +
        "sqliteStore there, or leased mode.",
    );
  }
}
