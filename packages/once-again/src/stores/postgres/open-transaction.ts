import { hasMethod } from "../../core/duck-typing.ts";
import type { OnceAgainError } from "../../core/errors.ts";
import { invalidOptionError } from "../../core/options.ts";
import { withOurNames } from "../sql/column-names.ts";
import type { CallersTransaction } from "./callers-transaction.ts";
import { type PgClient, type PostgresJsClient, type PostgresQuery, postgresQuery } from "./client.ts";
import { type Literal, withLiterals } from "./literals.ts";

/** What a message or an intent can be added to: what a handler is given, a client or `sql` of yours, or what `from…` makes of others. */
export type PostgresTransaction = PgClient | PostgresJsClient | CallersTransaction;

/**
 * Runs statements in a transaction that somebody else ends. Who runs texts alone can have no parameters: they are written into
 * the text.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no open transaction, as far as one can tell.
 */
export function transactionQuery(transaction: PostgresTransaction, prepare = true): PostgresQuery {
  const client = checkTransaction(transaction);
  if (client !== undefined) return postgresQuery(client, prepare);
  return async (text, values = []) =>
    withOurNames(await (transaction as CallersTransaction)(withLiterals(text, values as readonly Literal[])));
}

/** What is given as a transaction, and is none, or none any more. */
export function notOpenError(): OnceAgainError {
  return invalidOptionError("transaction", "an open transaction", "one that has ended, or was not begun");
}

const makers = { raw: "fromKnex", executeQuery: "fromKysely", execute: "fromDrizzle" } as const;

/**
 * The client that a transaction is; `undefined` for one that runs texts alone.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no open transaction, as far as one can tell.
 */
function checkTransaction(transaction: unknown): PgClient | PostgresJsClient | undefined {
  const refuse = (is: string): never => {
    throw invalidOptionError("transaction", "an open transaction", is);
  };
  if (hasMethod(transaction, "unsafe")) {
    // What `sql.begin` gives has savepoints, and so has what handlers are given. A reserved one does not say.
    const sql = transaction as PostgresJsClient;
    return "begin" in sql && "reserve" in sql && !("savepoint" in sql)
      ? refuse("the sql that begin() was called on")
      : sql;
  }
  for (const [method, maker] of Object.entries(makers)) {
    if (hasMethod(transaction, method)) refuse(`of another library: give it as ${maker}(transaction)`);
  }
  if (hasMethod(transaction, "query")) {
    const client = transaction as PgClient & { totalCount?: unknown; getTransactionStatus?(): string | null };
    if ("totalCount" in client) refuse("a Pool, which runs each statement on its own");
    if (client.getTransactionStatus?.() === "I") refuse("a client on which BEGIN was not run");
    return client;
  }
  return typeof transaction === "function" ? undefined : refuse(transaction === null ? "null" : typeof transaction);
}
