import { OnceAgainError } from "../../core/errors.ts";

/** The error for a database that does not have the tables of a store, or has them as they were in an older version. */
export function notMigratedError(database: string, cause: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_STORE_UNAVAILABLE",
    `The ${database} store: its tables are not there, or not of this version. Run \`await store.migrate()\` once before ` +
      "you serve, or `once-again migrate --store URL`; for an outbox `await outbox.migrate()`, or the command with `--outbox`.",
    { cause },
  );
}
