import { hasMethod, wrongClientError } from "../../core/duck-typing.ts";
import { notMigratedError } from "../sql/names.ts";
import { checkRowSize, resultBytesMax, rowTooLargeError } from "../sql/row-size.ts";
import { keysSchema } from "../sql/sqlite-keys.ts";
import { bytesOf, keyOperations } from "../sql/sqlite-operations.ts";
import type { ExecuteSqlite } from "../sql/sqlite-statements.ts";
import type { HeldCount, TransactionalStore } from "../store.ts";
import type { D1Binding } from "./client.ts";
import { type D1Transaction, transact, transactStep, transactUnkeyed } from "./transact.ts";

/** A store in a database of D1. */
export interface D1Store extends TransactionalStore<D1Transaction> {
  /** The statements that make its table, for a migration of Wrangler's: `wrangler d1 migrations create`. */
  readonly schemaSql: string;
  /** Makes the table where it is not there yet. Run it once, before you serve. */
  migrate(): Promise<void>;
  countHeld(): Promise<HeldCount>;
}

/**
 * A store in a database of Cloudflare D1: your own, so that key and effect can commit together. Each call of the port is one trip,
 * and all times are the database's.
 *
 * In transactional mode the handler is given no open transaction, since D1 has none: what it writes is collected, and sent with key
 * and result in one batch when it has ended. Two copies of a request may both run their handler then, and one of the batches is
 * executed: a handler reads the database, and does nothing else. See `D1Transaction`.
 *
 * Expired records are removed by `purge`: call it in a `scheduled` handler, since no engine of a Worker lives long enough.
 *
 * @param database the binding itself: a session of `withSession()` may read a replica that is behind, and is refused.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, also for a binding of another kind, such as KV.
 * @example
 * ```ts
 * const handler = (env: { DB: D1Database }) =>
 *   onceWeb({ mode: "transactional", store: d1Store(env.DB), scope: "public" }, async (request, { transaction }) => {
 *     transaction.run("INSERT INTO orders (item) VALUES (?)", await request.text());
 *     return new Response("created", { status: 201 });
 *   });
 * ```
 */
export function d1Store(database: D1Binding): D1Store {
  if (hasMethod(database, "getBookmark") || !hasMethod(database, "prepare") || !hasMethod(database, "batch")) {
    throw wrongClientError("database", "the binding of a D1 database, such as env.DB", database);
  }
  const execute = executeOn(database);
  return {
    survivesFailover: "yes",
    resultBytesMax,
    schemaSql: keysSchema,
    async migrate() {
      const texts = keysSchema.split(";").filter((text) => text.trim() !== "");
      await execute(texts.map((text) => [text]));
    },
    ...keyOperations(withSizeErrors(execute), checkRowSize),
    transact: (request, work, onLateUse) => transact(execute, request, work, onLateUse),
    transactStep: (request, work, onLateUse) => transactStep(execute, request, work, onLateUse),
    transactUnkeyed: (work, onLateUse) => transactUnkeyed(execute, work, onLateUse),
    close: async () => undefined,
  };
}

function executeOn(database: D1Binding): ExecuteSqlite {
  return async (statements) => {
    try {
      const prepared = statements.map(([text, ...values]) => database.prepare(text).bind(...values));
      const results = await database.batch(prepared as never[]);
      return results.map(({ results: rows = [] }) => rows.map(withBytes));
    } catch (error) {
      throw String(error).includes("no such table: once_again_keys") ? notMigratedError("D1", error) : error;
    }
  };
}

/** Says of a row that D1 refuses since it is too large that it is. */
function withSizeErrors(execute: ExecuteSqlite): ExecuteSqlite {
  return (statements) =>
    execute(statements).catch((error: unknown) => {
      throw rowTooLargeError(error) ?? error;
    });
}

/** A row with its blobs as bytes: D1 gives arrays of numbers. */
function withBytes(row: unknown): unknown {
  return Object.fromEntries(Object.entries(row as object).map(([name, value]) => [name, bytesOf(value)]));
}
