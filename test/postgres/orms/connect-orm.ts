import type { ErrorCode } from "../../../packages/once-again/src/core/error-codes.ts";
import { OnceAgainError } from "../../../packages/once-again/src/core/errors.ts";
import type { OrmTransactions } from "../../../packages/once-again/src/stores/postgres/index.ts";

/** An ORM that is connected to a database, until the running test ends. */
export interface ConnectedOrm<Transaction> {
  readonly transactions: OrmTransactions<Transaction>;
  /** The text by which the ORM commits; default `COMMIT`. */
  readonly commitText?: string;
  /** Runs a statement in a transaction that a handler was given, and returns its rows. */
  execute(transaction: Transaction, statement: string): Promise<readonly unknown[]>;
  /** A transaction of the ORM inside a transaction, which its work may leave by a throw. */
  nested(transaction: Transaction, work: (nested: Transaction) => Promise<void>): Promise<unknown>;
  /** Runs work in a transaction of the caller's own. */
  transact<Value>(work: (transaction: Transaction) => Promise<Value>): Promise<Value>;
}

/** The error of the library that an ORM has wrapped. */
export function unwrapped(error: unknown): unknown {
  const { original, code, message } = error as { original?: unknown; code?: string; message: string };
  if (OnceAgainError.isInstance(original)) return original;
  return code?.startsWith("ONCE_") === true ? new OnceAgainError(code as ErrorCode, message) : error;
}

/** Connects an ORM to a database. */
export type ConnectOrm<Transaction> = (
  url: string,
  options?: { readonly connectionsMax?: number },
) => Promise<ConnectedOrm<Transaction>>;
