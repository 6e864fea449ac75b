import { intentSchema } from "../sql/intent-statements.ts";
import type { IntentStore } from "../intent-store.ts";
import { sqlIntents } from "../sql/intents.ts";
import { type PostgresClient, postgresQuery } from "./client.ts";
import { outliveBrokenConnections } from "./pool.ts";

const dialect = {
  // now() would be the time at which the transaction began.
  now: "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
  bytes: "bytea",
  id: 'text COLLATE "C"',
  skipLocked: "FOR UPDATE SKIP LOCKED",
  // A parameter that is JSON itself would be serialised once more by the `sql` of `postgres`.
  textsIn: (json: string) => `(SELECT json_array_elements_text(CAST(CAST(${json} AS text) AS json)))`,
};

/** Any number that no other program's advisory lock has: "once" in ASCII. */
const migrationLock = 0x6f6e6365;

/** Durable intents in PostgreSQL. */
export interface PostgresIntentStore extends IntentStore {
  /** Makes the table `once_again_intents` in the schema of the search path, unless it is there. */
  migrate(): Promise<void>;
}

/**
 * Durable intents in PostgreSQL 12 or newer, through your own connection: a Pool or Client of `pg`, or the `sql` of
 * `postgres`. Give it a pool: a single connection that breaks stays broken. `synchronous_commit` has to be on, as it is
 * by default; what is acknowledged then survives a crash of the server, and a failover if the standby is synchronous.
 *
 * `close()` leaves the connection open, since it is yours.
 *
 * @example
 * ```ts
 * const store = postgresIntents(pool);
 * await store.migrate();
 * ```
 */
export function postgresIntents(client: PostgresClient): PostgresIntentStore {
  outliveBrokenConnections(client);
  const query = postgresQuery(client);
  const store = sqlIntents({ read: query, write: query, close: async () => undefined }, dialect);
  return {
    ...store,
    async migrate() {
      // Two at a time would both find no table, and one of them would fail.
      await query(`SELECT pg_advisory_xact_lock(${migrationLock}); ${intentSchema(dialect)}`);
    },
  };
}
