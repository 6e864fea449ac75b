import type { Bounded } from "../bounded.ts";
import {
  type PgConnection,
  type PgPool,
  type PostgresJsConnection,
  type PostgresConnection,
  type PostgresJsPool,
  type PostgresPool,
  type PostgresQuery,
  postgresQuery,
} from "./client.ts";
import { isConnectionLost } from "./errors.ts";

/** A connection of the user's pool that is ours for one transaction. */
export interface Session<Connection> {
  /** What the handler is given. */
  readonly connection: Connection;
  readonly query: PostgresQuery;
  /** Gives it back to the pool. No transaction may be open. */
  readonly release: () => void;
  /** Rolls back, and gives it back; a connection that is lost, or can't even do that, is destroyed. Never rejects. */
  readonly rollBack: (cause?: unknown) => Promise<void>;
}

/** Takes a connection from the pool; `ONCE_STORE_UNAVAILABLE` when none is to be had in time. */
export type OpenSession<Connection> = () => Promise<Session<Connection>>;

interface Lent<Connection> {
  connection: Connection;
  release: () => void;
  destroy: () => void;
}

export function sessions<Connection extends PostgresConnection>(
  pool: PostgresPool<Connection>,
  bounded: Bounded,
): OpenSession<Connection> {
  const lend = lenderOf(pool);
  return async () => {
    const lending = lend();
    const { connection, release, destroy } = await bounded(lending).catch((error: unknown) => {
      // It may still come, and nobody would give it back.
      void lending.then((late) => late.release()).catch(() => undefined);
      throw error;
    });
    const run = postgresQuery(connection);
    const query: PostgresQuery = (text, values) => bounded(run(text, values));
    const rollBack = async (cause?: unknown): Promise<void> =>
      isConnectionLost(cause) ? destroy() : query("ROLLBACK").then(release, destroy);
    return { connection, query, release, rollBack };
  };
}

function lenderOf<Connection extends PostgresConnection>(
  pool: PostgresPool<Connection>,
): () => Promise<Lent<Connection>> {
  return "reserve" in pool ? () => reserved(pool) : () => connected(pool as PgPool<Connection & PgConnection>);
}

async function connected<Connection extends PgConnection>(pool: PgPool<Connection>): Promise<Lent<Connection>> {
  const connection = await pool.connect();
  // A lent connection that breaks says so by an event, which would end the process if nobody listened. The statement
  // that runs, or the next one, fails with the same error.
  const ignore = (): void => undefined;
  connection.on("error", ignore);
  const end = (destroy: boolean): void => {
    connection.removeListener("error", ignore);
    connection.release(destroy);
  };
  return { connection, release: () => end(false), destroy: () => end(true) };
}

async function reserved<Connection>(pool: PostgresJsPool<Connection>): Promise<Lent<Connection>> {
  const connection = await pool.reserve();
  // `postgres` takes a broken connection out of its pool by itself, and would take a released one for whole.
  return { connection, release: () => (connection as PostgresJsConnection).release(), destroy: () => undefined };
}
