import { hasMethod } from "../../core/duck-typing.ts";
import { requireMethod } from "../../core/options.ts";
import { addIntent, intentSchema, intentStatements, sqlIntents } from "../sql/intents.ts";
import type { TransactionalIntentStore } from "../intent-store.ts";
import { type PostgresClient, postgresQuery } from "./client.ts";
import { checkReading, outliveBrokenConnections } from "./pool.ts";
import { type PostgresTransaction, transactionQuery } from "./callers-transaction.ts";
import { migrationLock } from "./schema.ts";

const dialect = {
  // now() would be the time at which the transaction began.
  now: "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
  bytes: "bytea",
  id: 'text COLLATE "C"',
  lock: "FOR UPDATE",
  skipLocked: "FOR UPDATE SKIP LOCKED",
  // A parameter that is JSON itself would be serialised once more by the `sql` of `postgres`.
  textsIn: (json: string) => `(SELECT json_array_elements_text(CAST(CAST(${json} AS text) AS json)))`,
};

/** Durable intents in PostgreSQL. */
export interface PostgresIntentStore extends TransactionalIntentStore<PostgresTransaction> {
  /** Makes the table `once_again_intents` in the schema of the search path, unless it is there. */
  migrate(): Promise<void>;
}

/**
 * Durable intents in PostgreSQL 12 or newer, through your own connection: a Pool or Client of `pg`, or the `sql` of
 * `postgres`. Give it a pool: a single connection that breaks stays broken. `synchronous_commit` has to be on, as it is
 * by default; what is acknowledged then survives a crash of the server, and a failover if the standby is synchronous.
 *
 * `addWithin` takes your open transaction: what a handler is given, a client on which you have run BEGIN, the `sql` of
 * `sql.begin`, or `fromKysely`, `fromDrizzle`, `fromKnex`, `fromPrisma` and so on. `close()` leaves the connection open, since it is yours.
 *
 * @example
 * ```ts
 * const store = postgresIntents(pool);
 * await store.migrate();
 * ```
 */
export function postgresIntents(client: PostgresClient): PostgresIntentStore {
  if (!hasMethod(client, "unsafe"))
    requireMethod(
      "client",
      "a Pool or Client of pg, such as new Pool({ connectionString }), or the sql of postgres",
      client,
      "query",
    );
  checkReading(client);
  outliveBrokenConnections(client);
  const query = postgresQuery(client);
  const store = sqlIntents({ read: query, write: query, close: async () => undefined }, dialect);
  const statements = intentStatements(dialect);
  return {
    ...store,
    async addWithin(transaction, request) {
      const within = transactionQuery(transaction);
      return addIntent({ read: within, write: within }, statements, request);
    },
    async migrate() {
      // Two at a time would both find no table, and one of them would fail.
      await query(`SELECT pg_advisory_xact_lock(${migrationLock}); ${intentSchema(dialect)}`);
    },
  };
}
