import type { Bounded } from "../bounded.ts";
import { type PostgresConnection, type PostgresPool, type PostgresQuery, postgresQuery } from "./client.ts";
import { isConnectionLost } from "./errors.ts";
import type { Lend, Lent } from "./lend.ts";

/**
 * Runs single statements on any connection of a pool. A connection that does not answer in time is closed, so that the
 * pool makes a new one: links that fell silent, since a machine lost its power or a firewall forgot them, look busy for
 * ever. `postgres` can't close a single connection, so there the pool has to do it (see its option `socket`).
 */
export function pooledQuery<Connection extends PostgresConnection>(
  pool: PostgresPool<Connection>,
  lend: Lend<Connection>,
  bounded: Bounded,
  prepare: boolean,
): PostgresQuery {
  if ("unsafe" in pool) {
    const run = postgresQuery(pool, prepare);
    return (text, values) => bounded(run(text, values));
  }
  return async (text, values) => {
    let isGivenUp = false;
    let lent: Lent<Connection> | undefined;
    const answered = (async () => {
      lent = await lend();
      // It came too late: nobody waits for the statement any more.
      if (isGivenUp) return lent.release();
      try {
        const rows = await postgresQuery(lent.connection, prepare)(text, values);
        lent.release();
        return rows;
      } catch (error) {
        if (isConnectionLost(error)) lent.destroy?.();
        else lent.release();
        throw error;
      }
    })();
    try {
      return (await bounded(answered)) ?? [];
    } catch (error) {
      isGivenUp = true;
      // It is given back already, unless nobody answered.
      lent?.destroy?.();
      answered.catch(() => undefined);
      throw error;
    }
  };
}
