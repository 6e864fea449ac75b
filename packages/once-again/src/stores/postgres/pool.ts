import { hasMethod, wrongClientError } from "../../core/client-names.ts";
import { invalidOptionError } from "../../core/options.ts";

/** Pools that have our listener. */
const heard = new WeakSet<object>();

/**
 * Listens to a pool's errors. A Pool of `pg` tells of an idle connection that broke by an event, and ends the process when
 * nobody listens, as when PostgreSQL restarts. It makes a new connection by itself, so there is nothing else to do.
 */
export function outliveBrokenConnections(pool: object): void {
  // `postgres` has no such event.
  if ("unsafe" in pool || heard.has(pool) || !("on" in pool) || typeof pool.on !== "function") return;
  heard.add(pool);
  pool.on("error", () => undefined);
}

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
