import { hasMethod, wrongClientError } from "../../core/duck-typing.ts";
import { originalName } from "../sql/column-names.ts";
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
  if (isPool && !isOne) return checkTransform(pool);
  const expected = "a Pool of pg, or the sql of postgres";
  throw isOne ? invalidOptionError("pool", expected, "one connection") : wrongClientError("pool", expected, pool);
}

/** What we use of the options of a `sql` of `postgres`. */
interface Transform {
  readonly column?: { readonly from?: ((name: string) => unknown) | null };
  readonly value?: { readonly from?: ((value: unknown, column: object) => unknown) | null };
  readonly row?: { readonly from?: ((row: object) => unknown) | null };
}

/** Values as the columns of our tables have them, with the numbers of their types. */
const sampleValues: readonly (readonly [value: unknown, type: number])[] = [
  ["text", 25],
  ["", 25],
  [null, 25],
  [7, 23],
  ["1764288000000", 20],
  [true, 16],
  [new Uint8Array([0, 255]), 17],
];

/**
 * Tries the `transform` of `postgres` on what our rows have: our names must be known in another spelling, and our values
 * must stay as they are.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`: good records would be taken for broken ones.
 */
export function checkTransform(sql: unknown): void {
  const { transform } = (sql as { options?: { transform?: Transform } }).options ?? {};
  if (transform === undefined) return;
  const refuse = (part: string): never => {
    const expected = "one that leaves the store's rows as they are: give the store a sql of postgres without it";
    throw invalidOptionError(`transform.${part} of postgres`, expected, "a function that changes them");
  };
  const { column, value, row } = transform;
  const isName = (name: string): boolean => column?.from == null || originalName(String(column.from(name))) === name;
  if (!["scope", "lease_until", "next_attempt_at"].every(isName)) refuse("column");
  if (value?.from != null) {
    const { from } = value;
    if (!sampleValues.every(([sample, type]) => from(sample, { name: "result", type }) === sample)) refuse("value");
  }
  if (row?.from != null) {
    const sample = { scope: "text", result: null };
    const { scope, result } = Object(row.from({ ...sample })) as Record<string, unknown>;
    if (scope !== sample.scope || result !== sample.result) refuse("row");
  }
}
