import type { ErrorCode } from "./error-codes.ts";
import { errorText } from "./error-text.ts";
import { OnceAgainError } from "./errors.ts";

/** The name of a record that can't be read. */
interface NamedRecord {
  readonly scope: string;
  readonly key: string;
}

/** The error for a record that no store of ours has written like this. */
export function recordBrokenError({ scope, key }: NamedRecord, problem: string, cause?: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_RECORD_BROKEN",
    `The record of the key ${JSON.stringify(key)} in the scope ${JSON.stringify(scope)} is broken. ${problem} Look its ` +
      'effect up, and release it: store.resolve({ scope, key, settlement: { as: "not-executed" } }).',
    { cause },
  );
}

/** The error for a done record with a result that the operation can't have stored. It is not released: the effect happened. */
export function resultBrokenError({ scope, key }: NamedRecord, cause: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_RECORD_BROKEN",
    `What is stored as the result of the key ${JSON.stringify(key)} in the scope ${JSON.stringify(scope)} can't be read: ` +
      `${errorText(cause)}. The operation has ended, so look its effect up, and who else writes into this store.`,
    { cause },
  );
}

/**
 * The error that says that what is stored can't be read, also beneath that of a call that was made again; `undefined` for
 * any other error. The store did answer, and nothing proves that the operation had no effect.
 */
export function recordFault(error: unknown): OnceAgainError | undefined {
  if (!OnceAgainError.isInstance(error)) return undefined;
  if (error.code === "ONCE_RECORD_BROKEN" || error.code === "ONCE_SEAL_BROKEN") return error;
  return wrappers.has(error.code) ? recordFault(error.cause) : undefined;
}

/** The codes of errors that have the store's own error as their cause. */
const wrappers: ReadonlySet<ErrorCode> = new Set(["ONCE_ATTEMPTS_EXHAUSTED", "ONCE_STORE_UNAVAILABLE"]);
