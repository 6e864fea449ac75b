import { OnceAgainError } from "./errors.ts";

/** What each method says about the object that has it, and what to do with that object. The first match wins. */
const adviceByMethod: readonly (readonly [method: string, advice: string])[] = [
  ["then", "a Promise: await it"],
  ["claim", "a store of once-again already: give it as the option `store`"],
  ["unsafe", "the sql of postgres: wrap it, postgresStore(sql)"],
  [
    "promise",
    "a pool or connection of mysql2 with callbacks: take a pool of mysql2/promise, mariadbStore(pool.promise())",
  ],
  ["getConnection", "a pool of mysql2: wrap it, mariadbStore(pool)"],
  ["beginTransaction", "one connection of mysql2: wrap a pool, mariadbStore(pool)"],
  ["callBuffer", "a client of Redis: wrap it, redisStore(client)"],
  ["withTypeMapping", "a client of Redis: wrap it, redisStore(client)"],
  ["query", "a client of pg: wrap its Pool, postgresStore(pool)"],
  ["prepare", "a database of node:sqlite: give its file, sqliteStore({ path })"],
  ["history", "a bucket of NATS: wrap it, await natsStore(kv)"],
  ["jetstream", "a connection of NATS: wrap a bucket of it, await natsStore(kv)"],
  ["publish", "a connection of NATS: wrap a bucket of it, await natsStore(kv)"],
];

/** Whether something has a method of this name. */
export function hasMethod(given: unknown, method: string): boolean {
  if ((typeof given !== "object" && typeof given !== "function") || given === null) return false;
  return typeof (given as Record<string, unknown>)[method] === "function";
}

/** The error for what is no such store, pool or client: it says what it is, and what to do with it. */
export function wrongClientError(name: string, expected: string, given: unknown): OnceAgainError {
  const advice = adviceByMethod.find(([method]) => hasMethod(given, method))?.[1];
  const description = advice ?? (given === null ? "null" : typeof given);
  return new OnceAgainError("ONCE_OPTION_INVALID", `${name} must be ${expected}, but it is ${description}.`, {
    details: { option: name },
  });
}
