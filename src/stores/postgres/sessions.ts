import type { Bounded } from "../bounded.ts";
import { mayStillRun } from "../overdue-work.ts";
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
  /**
   * Rolls back, and gives it back; a connection that is lost, or can't even do that, is destroyed. After work that may
   * still run, it is of no use to that work any more. Never rejects.
   */
  readonly rollBack: (cause?: unknown) => Promise<void>;
}

/** Takes a connection from the pool; `ONCE_STORE_UNAVAILABLE` when none is to be had in time. */
export type OpenSession<Connection> = () => Promise<Session<Connection>>;

interface Lent<Connection> {
  /** Ours. */
  connection: Connection;
  /** The handler's. */
  given: Connection;
  release: () => void;
  destroy: () => void;
  /** Makes the handler's refuse everything; missing where only the end of the connection does. */
  revoke?: () => void;
}

export function sessions<Connection extends PostgresConnection>(
  pool: PostgresPool<Connection>,
  bounded: Bounded,
  prepare: boolean,
): OpenSession<Connection> {
  const lend = lenderOf(pool);
  return async () => {
    const lending = lend();
    const { connection, given, release, destroy, revoke } = await bounded(lending).catch((error: unknown) => {
      // It may still come, and nobody would give it back.
      void lending.then((late) => late.release()).catch(() => undefined);
      throw error;
    });
    const run = postgresQuery(connection, prepare);
    const query: PostgresQuery = (text, values) => bounded(run(text, values));
    const rollBack = async (cause?: unknown): Promise<void> => {
      const isOverdue = mayStillRun(cause);
      if (isConnectionLost(cause) || (isOverdue && revoke === undefined)) return destroy();
      if (isOverdue) revoke?.();
      return query("ROLLBACK").then(release, destroy);
    };
    return { connection: given, query, release, rollBack };
  };
}

function lenderOf<Connection extends PostgresConnection>(
  pool: PostgresPool<Connection>,
): () => Promise<Lent<Connection>> {
  return "reserve" in pool ? () => reserved(pool) : () => connected(pool as PgPool<Connection & PgConnection>);
}

function connected<Connection extends PgConnection>(pool: PgPool<Connection>): Promise<Lent<Connection>> {
  // A lent connection that breaks says so by an event, which would end the process if nobody listened. The statement
  // that runs, or the next one, fails with the same error.
  const ignore = (): void => undefined;
  return new Promise((resolve, reject) => {
    // A promise would go on too late: the end of a connection may come in one packet with its beginning.
    pool.connect((error, connection) => {
      if (connection === undefined) return reject(error ?? new Error("The pool lent no connection."));
      connection.on("error", ignore);
      const end = (destroy: boolean): void => {
        connection.removeListener("error", ignore);
        connection.release(destroy);
      };
      resolve({ connection, given: connection, release: () => end(false), destroy: () => end(true) });
    });
  });
}

async function reserved<Connection>(pool: PostgresJsPool<Connection>): Promise<Lent<Connection>> {
  const connection = await pool.reserve();
  // A released connection would still carry out what the handler asks for, in the middle of another's transaction. It
  // can't be closed alone; but it is a function without a `this`, so that a proxy can stand for it.
  const { proxy: given, revoke } = Proxy.revocable(connection as Connection & object, {});
  // `postgres` takes a broken connection out of its pool by itself, and would take a released one for whole.
  const release = (): void => (connection as PostgresJsConnection).release();
  return { connection, given, release, destroy: () => undefined, revoke };
}
