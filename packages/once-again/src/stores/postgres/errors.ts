import { OnceAgainError } from "../../core/errors.ts";
import { notMigratedError } from "../sql/names.ts";
import type { TransactionErrors } from "../sql/run-transaction.ts";
import type { PostgresQuery } from "./client.ts";

/** How many causes of an error are looked at: who wraps a driver's error does it once or twice. */
const causesMax = 8;

/** The places in which errors have the error that they wrap. */
interface WrappingError {
  readonly cause?: unknown;
  /** Of Sequelize. TypeORM and MikroORM copy what the driver's error has. */
  readonly original?: unknown;
  /** Of Prisma. */
  readonly meta?: { readonly driverAdapterError?: unknown } | undefined;
}

/** The code of an error, or of one that it wraps, that is of a certain kind. */
function codeOf(error: unknown, isOfKind: (code: string, error: object) => boolean): string | undefined {
  let inner = error;
  for (let depth = 0; depth < causesMax && typeof inner === "object" && inner !== null; depth += 1) {
    // An adapter of Prisma has the code of the driver's error beside the name that it has for it.
    const code = "originalCode" in inner ? inner.originalCode : "code" in inner ? inner.code : undefined;
    if (typeof code === "string" && isOfKind(code, inner)) return code;
    const { cause, original, meta } = inner as WrappingError;
    inner = meta?.driverAdapterError ?? original ?? cause;
  }
  return undefined;
}

/** The SQLSTATE of an error of `pg` or `postgres`, or of one that wraps it; `undefined` for any other error. */
export function sqlState(error: unknown): string | undefined {
  return codeOf(error, (code, inner) => /^[0-9A-Z]{5}$/.test(code) && ("severity" in inner || "originalCode" in inner));
}

/** The code of an error of Prisma itself, or of one that wraps it. */
function prismaCode(error: unknown): string | undefined {
  return codeOf(error, (code) => /^P[0-9]{4}$/.test(code));
}

/**
 * Whether an error of `postgres` says that its connection is gone. It must not be given another statement for it then: it
 * throws where it can't be caught (3.4.9), or is another's. Its error for a broken socket has the `query` beside the system's code,
 * which distinguishes it from a connection to elsewhere that a handler had. (`pg` refuses such a statement, as it should.)
 */
export function isConnectionLost(error: unknown): boolean {
  const lost = codeOf(
    error,
    (code, inner) => code.startsWith("CONNECTION_") || (/^E[A-Z]/.test(code) && "query" in inner),
  );
  return lost !== undefined || /^(08|57P)/.test(sqlState(error) ?? "");
}

/** Whether the database itself says that a statement did nothing. */
export function isRefusal(error: unknown): boolean {
  return sqlState(error) !== undefined && !isConnectionLost(error);
}

/** Whether a statement found neither its transaction nor, in another one, its savepoint. */
export function hasLostTransaction(error: unknown): boolean {
  // no_active_sql_transaction, invalid_savepoint_specification
  return ["25P01", "3B001"].includes(sqlState(error) ?? "");
}

/** Whether a statement was executed that the connection has not prepared. */
export function isUnprepared(error: unknown): boolean {
  // invalid_sql_statement_name
  return sqlState(error) === "26000";
}

/** Whether a statement was cancelled. */
export function isCancelled(error: unknown): boolean {
  // query_canceled
  return sqlState(error) === "57014";
}

/** Whether the database rolled the transaction back for the sake of another, and running it again helps. */
export function isConflict(error: unknown): boolean {
  const state = sqlState(error);
  // serialization_failure, deadlock_detected, and Prisma's word for both
  return state === "40001" || state === "40P01" || (state === undefined && prismaCode(error) === "P2034");
}

/**
 * Whether a failed COMMIT may have been executed. A server that is up says why it refused; one that goes down
 * (57P..), fails inside (58..., XX...), or can't be reached, says nothing. Prisma (P2028) has then ended the transaction by a
 * ROLLBACK before, and sent no COMMIT.
 */
function isUnknownCommit(error: unknown): boolean {
  const state = sqlState(error);
  if (state === undefined) return prismaCode(error) !== "P2028";
  return /^(08|57P|58|XX)/.test(state);
}

/** The error for a database that is busy, or can't be heard. */
export function unavailableError(why: string, cause?: unknown): OnceAgainError {
  return new OnceAgainError("ONCE_STORE_UNAVAILABLE", `The PostgreSQL store: ${why}. Ask again later.`, { cause });
}

/** The meaning of the errors of PostgreSQL for a transaction. */
export const transactionErrors: TransactionErrors = {
  isConflict,
  // unique_violation
  isTaken: (error) => sqlState(error) === "23505",
  isUnknownCommit,
  hasLostTransaction,
  // in_failed_sql_transaction
  isAborted: (error) => sqlState(error) === "25P02",
  unavailableError,
};

/** The same query; its errors say what to do where that is known. Only for statements of our own. */
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
