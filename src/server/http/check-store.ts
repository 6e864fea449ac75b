import { OnceAgainError } from "../../core/errors.ts";
import { invalidOption } from "../../core/options.ts";

/**
 * Refuses what is no store, saying what to do with it.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; `ONCE_UNSAFE_PAIR` for a store that has no transactions to offer.
 */
export function checkStore(store: unknown, mode: "leased" | "transactional" = "leased"): void {
  if (!has(store, "claim")) throw invalidOption("store", "a store of once-again", told(store));
  if (mode === "transactional" && !has(store, "transact")) {
    throw new OnceAgainError(
      "ONCE_UNSAFE_PAIR",
      "Transactional mode needs a store in the database that the handler writes to. Use postgresStore, mariadbStore or " +
        "sqliteStore there, or leased mode.",
    );
  }
}

/** What was given, and how to make a store of it. */
function told(store: unknown): string {
  if (has(store, "then")) return "a Promise: await it";
  if (has(store, "unsafe")) return "the sql of postgres: wrap it, postgresStore(sql)";
  if (has(store, "getConnection")) return "a pool of mysql2: wrap it, mariadbStore(pool)";
  if (has(store, "callBuffer") || has(store, "withTypeMapping"))
    return "a client of Redis: wrap it, redisStore(client)";
  if (has(store, "query")) return "a client of a database: wrap its pool, as in postgresStore(pool)";
  if (has(store, "prepare")) return "a database of node:sqlite: give its file, sqliteStore({ path })";
  if (has(store, "history")) return "a bucket of NATS: wrap it, await natsStore(kv)";
  return store === null ? "null" : typeof store;
}

function has(given: unknown, method: string): boolean {
  if ((typeof given !== "object" && typeof given !== "function") || given === null) return false;
  return method in given && typeof (given as Record<string, unknown>)[method] === "function";
}
