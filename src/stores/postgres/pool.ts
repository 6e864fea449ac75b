import { invalidOption } from "../../core/options.ts";

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

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what lends no connections, a single connection among it. */
export function checkPool(pool: unknown): void {
  const given = ((typeof pool === "object" || typeof pool === "function") && pool) || {};
  const has = (method: string): boolean => typeof (given as Record<string, unknown>)[method] === "function";
  const isPool = (has("unsafe") && has("reserve")) || (has("query") && has("connect") && !("processID" in given));
  if (isPool) return;
  const shown = "processID" in given ? "one connection" : typeof pool;
  throw invalidOption("pool", "a Pool of pg, or the sql of postgres", shown);
}
