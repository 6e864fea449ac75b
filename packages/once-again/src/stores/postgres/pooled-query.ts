import type { TimeLimit } from "../time-limit.ts";
import { type PostgresConnection, type PostgresPool, type PostgresQuery, postgresQuery } from "./client.ts";
import { isConnectionLost } from "./errors.ts";
import type { TakeConnection, PooledConnection } from "./pooled-connection.ts";

/**
 * Runs single statements on any connection of a pool. A connection that does not answer in time is closed, so that the
 * pool makes a new one: links that fell silent, since a machine lost its power or a firewall forgot them, look busy for
 * ever. `postgres` can't close a single connection, so there the pool has to do it (see its option `socket`).
 */
export function pooledQuery<Connection extends PostgresConnection>(
  pool: PostgresPool<Connection>,
  takeConnection: TakeConnection<Connection>,
  limitTime: TimeLimit,
  prepare: boolean,
): PostgresQuery {
  if ("unsafe" in pool) {
    const run = postgresQuery(pool, prepare);
    return (text, values) => limitTime(run(text, values));
  }
  return async (text, values) => {
    let isGivenUp = false;
    let pooled: PooledConnection<Connection> | undefined;
    const answered = (async () => {
      pooled = await takeConnection();
      // It came too late: nobody waits for the statement any more.
      if (isGivenUp) return pooled.release();
      try {
        const rows = await postgresQuery(pooled.connection, prepare)(text, values);
        pooled.release();
        return rows;
      } catch (error) {
        if (isConnectionLost(error)) pooled.destroy?.();
        else pooled.release();
        throw error;
      }
    })();
    try {
      return (await limitTime(answered)) ?? [];
    } catch (error) {
      isGivenUp = true;
      // It is given back already, unless nobody answered.
      pooled?.destroy?.();
      answered.catch(() => undefined);
      throw error;
    }
  };
}
