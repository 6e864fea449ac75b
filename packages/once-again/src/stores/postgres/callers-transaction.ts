import { hasMethod } from "../../core/duck-typing.ts";
import type { OnceAgainError } from "../../core/errors.ts";
import { invalidOptionError, requireMethod } from "../../core/options.ts";
import { withOurNames } from "../sql/names.ts";
import {
  checkKnex,
  checkKysely,
  type KnexTransaction,
  type KyselyTransaction,
  runInKysely,
} from "../guard/from-library.ts";
import { type PgClient, type PostgresJsClient, postgresQuery, type PostgresQuery } from "./client.ts";
import { type Literal, withLiterals } from "./statements.ts";

/**
 * Runs one statement without parameters in the caller's transaction, and answers with its rows. For a library that has
 * no `from…` here, write your own, such as `async (statement) => (await tx.query(statement)).rows`.
 */
export type CallersTransaction = (statement: string) => Promise<readonly unknown[]>;

const connections = new WeakMap<CallersTransaction, object>();

/** The connection of a transaction: the same for each of several made of it. */
export function connectionOf(transaction: CallersTransaction): object {
  return connections.get(transaction) ?? transaction;
}

/** The part of a transaction of Drizzle (`drizzle-orm/node-postgres`, `drizzle-orm/postgres-js`) that we use. */
export interface DrizzleTransaction {
  execute(statement: string): PromiseLike<unknown>;
}

/**
 * A client of `pg` on which you have run BEGIN.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a Pool: each statement would run on another connection; for a client with `binary`.
 */
export function fromPg(client: PgClient): CallersTransaction {
  requireMethod("client", "a client that pool.connect() lent", client, "query");
  if ("totalCount" in client) throw invalidOptionError("client", "a client that pool.connect() lent", "a Pool");
  const query = postgresQuery(client);
  return namedTransaction(client, (statement) => query(statement));
}

/**
 * The `sql` that `sql.begin` of `postgres` gives.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for the `sql` that `sql.begin` was called on.
 */
export function fromPostgresJs(sql: PostgresJsClient): CallersTransaction {
  requireMethod("sql", "the sql that sql.begin() gives", sql, "unsafe");
  if ("reserve" in sql && !("savepoint" in sql))
    throw invalidOptionError("sql", "the sql that sql.begin() gives", "a pool");
  return namedTransaction(sql, async (statement) => postgresQuery(sql)(statement));
}

/**
 * The `trx` that `db.transaction().execute` of Kysely gives.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for the `db` itself, and for a transaction that has ended or is of another database.
 */
export function fromKysely(transaction: KyselyTransaction): CallersTransaction {
  checkKysely(transaction, "PostgreSQL");
  return namedTransaction(transaction, async (statement) => rowsOf(await runInKysely(transaction, statement)));
}

/**
 * The `tx` that `db.transaction` of Drizzle gives.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for the `db` itself.
 */
export function fromDrizzle(transaction: DrizzleTransaction): CallersTransaction {
  requireMethod("transaction", "the tx that db.transaction() gives", transaction, "execute");
  if ("$client" in transaction) throw invalidOptionError("transaction", "the tx that db.transaction() gives", "the db");
  return namedTransaction(transaction, async (statement) => rowsOf(await transaction.execute(statement)));
}

/**
 * The `trx` that `knex.transaction` gives.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for the `knex` itself, and for a transaction that has ended or is of another database.
 */
export function fromKnex(transaction: KnexTransaction): CallersTransaction {
  checkKnex(transaction, "PostgreSQL");
  return namedTransaction(transaction, async (statement) => rowsOf(await transaction.raw(statement)));
}

/** A transaction that remembers what it was made of. */
export function namedTransaction(connection: object, transaction: CallersTransaction): CallersTransaction {
  connections.set(transaction, connection);
  return transaction;
}

/** Some give the rows themselves, others an answer that has them. */
function rowsOf(answer: unknown): readonly unknown[] {
  return Array.isArray(answer) ? answer : (answer as { rows: unknown[] }).rows;
}

/** The transaction that a message or an intent can be added to: what a handler is given, a client or `sql` of yours, or what `from…` makes of others. */
export type PostgresTransaction = PgClient | PostgresJsClient | CallersTransaction;

/**
 * Runs statements in a transaction that its caller ends. A transaction that takes texts alone has no parameters: they are
 * written into the text.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no open transaction, as far as one can tell.
 */
export function transactionQuery(transaction: PostgresTransaction, prepare = true): PostgresQuery {
  const client = checkTransaction(transaction);
  if (client !== undefined) return postgresQuery(client, prepare);
  return async (text, values = []) =>
    withOurNames(await (transaction as CallersTransaction)(withLiterals(text, values as readonly Literal[])));
}

/** The error for a value that is not, or no longer, an open transaction. */
export function notOpenError(): OnceAgainError {
  return invalidOptionError("transaction", "an open transaction", "one that has ended, or was not begun");
}

const makers = {
  getTransactionContext: "fromMikroOrm",
  getRepository: "fromTypeOrm",
  afterCommit: "fromSequelize",
  $queryRawUnsafe: "fromPrisma",
  raw: "fromKnex",
  executeQuery: "fromKysely",
  execute: "fromDrizzle",
} as const;

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
    // The `sql` of `sql.begin` has savepoints, and so has that of a handler. A reserved one does not say.
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
