import { hasMethod, wrongClientError } from "../../core/client-names.ts";
import { invalidOptionError } from "../../core/options.ts";
import { outliveBrokenConnection } from "../../core/outlive-broken-connection.ts";

/**
 * Listens to the errors of a pool, and of the clients that it lends. Both tell by an event of a connection that broke, as when
 * PostgreSQL restarts, and end the process when there is no listener: the pool of an idle connection, and the client itself
 * of one that is lent. What is asked of such a client fails, and the pool makes a new connection by itself, so there is
 * nothing else to do.
 */
export function outliveBrokenConnections(pool: object): void {
  // `postgres` has no such events.
  if ("unsafe" in pool || pools.has(pool) || !("on" in pool) || typeof pool.on !== "function") return;
  pools.add(pool);
  outliveBrokenConnection(pool);
  pool.on("acquire", (client: object) => outliveBrokenConnection(client));
}

/** Pools that we listen to. */
const pools = new WeakSet<object>();

/** What a connection of `mysql2` has, beside what a Pool of `pg` has. */
const ofMysql2 = ["promise", "beginTransaction"];

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what lends no connections, a single connection among it. */
export function checkPool(pool: unknown): void {
  const isOne = typeof pool === "object" && pool !== null && "processID" in pool;
  const isPool =
    (hasMethod(pool, "unsafe") && hasMethod(pool, "reserve")) ||
    (hasMethod(pool, "query") && hasMethod(pool, "connect") && !ofMysql2.some((method) => hasMethod(pool, method)));
  if (isPool && !isOne) return;
  const expected = "a Pool of pg, or the sql of postgres";
  throw isOne ? invalidOptionError("pool", expected, "one connection") : wrongClientError("pool", expected, pool);
}
