import { OnceAgainError } from "../../core/errors.ts";
import { notMigratedError } from "../sql/not-migrated-error.ts";
import type { PostgresQuery } from "./client.ts";
import { sqlState } from "./errors.ts";

/** The same query, whose errors say what to do where that is known. Only for statements of our own. */
export function explainErrors(query: PostgresQuery): PostgresQuery {
  return (text, values) => query(text, values).catch(rethrowExplained);
}

export function rethrowExplained(error: unknown): never {
  switch (sqlState(error)) {
    // undefined_table, undefined_column, invalid_schema_name
    case "42P01":
    case "42703":
    case "3F000":
      throw notMigratedError("PostgreSQL", error);
    // invalid_sql_statement_name, duplicate_prepared_statement: the statement was prepared on another connection
    case "26000":
    case "42P05":
      throw new OnceAgainError(
        "ONCE_STORE_UNAVAILABLE",
        "The PostgreSQL store: a prepared statement is not where it was prepared, so a pooler (PgBouncer) gives each " +
          "statement another connection. Set the store's option `prepare: false`, for `postgres` also the option " +
          "`prepare: false` of the pool, or PgBouncer's max_prepared_statements.",
        { cause: error },
      );
    default:
      throw error;
  }
}
