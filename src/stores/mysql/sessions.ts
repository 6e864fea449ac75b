import type { Bounded } from "../bounded.ts";
import { type MysqlConnection, type MysqlPool, type MysqlQuery, mysqlQuery } from "./client.ts";

/** A connection of the user's pool that is ours for one transaction. */
export interface Session<Connection> {
  /** What the handler is given. */
  readonly connection: Connection;
  readonly query: MysqlQuery;
  /** Gives it back to the pool. No transaction may be open. */
  readonly release: () => void;
  /** Rolls back, and gives it back; a connection that can't even do that is destroyed. Never rejects. */
  readonly rollBack: () => Promise<void>;
  /** Closes it, with all that it holds. */
  readonly destroy: () => void;
}

/** Takes a connection from the pool; `ONCE_STORE_UNAVAILABLE` when none is to be had in time. */
export type OpenSession<Connection> = () => Promise<Session<Connection>>;

export function sessions<Connection extends MysqlConnection>(
  pool: MysqlPool<Connection>,
  bounded: Bounded,
): OpenSession<Connection> {
  return async () => {
    const lending = pool.getConnection();
    const connection = await bounded(lending).catch((error: unknown) => {
      // It may still come, and nobody would give it back.
      void lending.then((late) => late.release()).catch(() => undefined);
      throw error;
    });
    const run = mysqlQuery(connection);
    const query: MysqlQuery = (statement, values) => bounded(run(statement, values));
    const release = (): void => connection.release();
    const destroy = (): void => connection.destroy();
    return { connection, query, release, destroy, rollBack: () => query("ROLLBACK").then(release, destroy) };
  };
}
