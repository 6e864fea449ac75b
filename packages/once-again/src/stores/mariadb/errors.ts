import { OnceAgainError } from "../../core/errors.ts";
import type { TransactionErrors } from "../sql/run-transaction.ts";

/** How many causes of an error are looked at: who wraps a driver's error does it once or twice. */
const causesMax = 8;

/** The number of the server's error, in this one or one that it wraps; `undefined` for an error of the connection. */
export function errorNumber(error: unknown): number | undefined {
  let inner = error;
  for (let depth = 0; depth < causesMax && inner instanceof Error; depth += 1) {
    if ("errno" in inner && "sqlState" in inner && typeof inner.errno === "number") return inner.errno;
    inner = inner.cause;
  }
  return undefined;
}

/** ER_LOCK_WAIT_TIMEOUT: another has the row's lock. */
export const lockWaitTimeout = 1205;

/** ER_SP_DOES_NOT_EXIST, which is said of a savepoint too. It goes with the transaction that it was set in. */
export const unknownSavepoint = 1305;

/** ER_NO_SUCH_TABLE */
export const noSuchTable = 1146;

/** Whether the server rolled the transaction back for the sake of another, and running it again helps. */
export function isConflict(error: unknown): boolean {
  // ER_CHECKREAD (the row was changed since the snapshot), ER_LOCK_DEADLOCK
  return [1020, 1213].includes(errorNumber(error) ?? 0);
}

/** Whether the server rolls the whole transaction back with this error. */
export function rollsBack(error: unknown): boolean {
  // ER_LOCK_TABLE_FULL, ER_LOCK_DEADLOCK
  return [1206, 1213].includes(errorNumber(error) ?? 0);
}

/** Whether the server itself says that a statement did nothing. */
export function isRefusal(error: unknown): boolean {
  return !isUnknownCommit(error);
}

/** Whether a failed statement may have been executed: the server went down, or can't be reached. */
function isUnknownCommit(error: unknown): boolean {
  const number = errorNumber(error);
  // ER_SERVER_SHUTDOWN, ER_ERROR_DURING_COMMIT, ER_QUERY_INTERRUPTED, ER_CONNECTION_KILLED
  return number === undefined || [1053, 1180, 1317, 1927].includes(number);
}

/** The error for a database that is busy, or can't be heard. */
export function unavailableError(why: string, cause?: unknown): OnceAgainError {
  return new OnceAgainError("ONCE_STORE_UNAVAILABLE", `The MariaDB store: ${why}. Ask again later.`, { cause });
}

/** The meaning of the errors of MariaDB for a transaction. */
export const transactionErrors: TransactionErrors = {
  isConflict,
  // The claim has the row locked.
  isTaken: () => false,
  isUnknownCommit,
  hasLostTransaction: (error) => errorNumber(error) === unknownSavepoint,
  // The failing statement says so at once, and the guard remembers it.
  isAborted: () => false,
  unavailableError,
};
