import { hasMethod, wrongClientError } from "../../core/duck-typing.ts";
import type { Clock } from "../../core/clock.ts";
import { invalidOptionError } from "../../core/options.ts";
import { outliveBrokenConnection } from "../../core/outlive-broken-connection.ts";
import { semaphore } from "../../core/semaphore.ts";
import { ignoreFailure, isQuery } from "../guard/postgres-js.ts";
import { originalName } from "../sql/names.ts";
import { type TimeLimit, timeLimit } from "../time-limit.ts";
import {
  isBunSql,
  type PostgresConnection,
  type PostgresJsClient,
  type PostgresPool,
  type PostgresQuery,
  postgresQuery,
  refuseBinary,
} from "./client.ts";
import { connectionsOf, type GiveUp, type PooledConnection, type TakeConnection } from "./connection.ts";
import { isConnectionLost } from "./errors.ts";
import { overdueConnections } from "./overdue-connections.ts";

/** Methods of a connection of `mysql2` that a Pool of `pg` does not have. */
const ofMysql2 = ["promise", "beginTransaction"];

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what lends no connections, a single connection among it. */
export function checkPool(pool: unknown): void {
  const isOne = typeof pool === "object" && pool !== null && "processID" in pool;
  const isSql = hasMethod(pool, "unsafe") && hasMethod(pool, "reserve");
  const isPool =
    isSql ||
    (hasMethod(pool, "query") && hasMethod(pool, "connect") && !ofMysql2.some((method) => hasMethod(pool, method)));
  const expected = "a Pool of pg, such as new Pool({ connectionString }), or the sql of postgres";
  if (isOne) throw invalidOptionError("pool", expected, "one connection");
  if (!isPool) throw wrongClientError("pool", expected, pool);
  checkReading(pool as object);
  if (isSql && !isBunSql(pool as object) && !givesQueries(pool as PostgresJsClient))
    throw invalidOptionError("pool", expected, "a wrapper that gives no queries of postgres");
}

/** Whether a `sql` has queries to be sent as we say: those of a wrapper would be sent on any connection, outside of their transaction. */
function givesQueries(sql: PostgresJsClient): boolean {
  const query: unknown = sql.unsafe("");
  if (isQuery(query)) return true;
  // It is sent already, perhaps to a server that is away.
  if (query instanceof Promise) ignoreFailure(query);
  return false;
}

/** The part of the options of a `sql` of `postgres` that we use. */
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

/** The same as PostgreSQL sends them, and whether they are read as we read them. `postgres` has no way to say so for a query. */
const sentValues: readonly (readonly [text: string, type: number, isRead: (value: unknown) => boolean])[] = [
  ["text", 25, (value) => value === "text"],
  ["7", 23, (value) => value === 7],
  ["1764288000000", 20, (value) => Number(value) === 1_764_288_000_000],
  ["t", 16, (value) => value === true],
  ["\\x00ff", 17, (value) => value instanceof Uint8Array && Buffer.from(value).toString("hex") === "00ff"],
];

/** The part of the options of a `sql` of `postgres` that changes the form of rows. */
interface RowOptions {
  readonly transform?: Transform;
  readonly parsers?: Partial<Record<number, ((text: string) => unknown) | null>>;
}

/**
 * Tries what a `sql` of `postgres` does to rows on what ours have: its `transform`, by which our names must be known in another
 * spelling and our values must stay as they are, and its `types`. One of `pg` reads ours as we say, unless they are binary.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`: good records would be taken for broken ones.
 */
export function checkReading(client: object): void {
  refuseBinary(client);
  const { transform = {}, parsers = {} } = (client as { options?: RowOptions }).options ?? {};
  const refuse = (option: string): never => {
    const expected = "one that leaves the store's rows as they are: give the store a sql of postgres without it";
    throw invalidOptionError(`${option} of postgres`, expected, "a function that changes them");
  };
  const { column, value, row } = transform;
  const isName = (name: string): boolean => column?.from == null || originalName(String(column.from(name))) === name;
  if (!["scope", "lease_until", "next_attempt_at"].every(isName)) refuse("transform.column");
  if (value?.from != null) {
    const { from } = value;
    if (!sampleValues.every(([sample, type]) => from(sample, { name: "result", type }) === sample))
      refuse("transform.value");
  }
  if (row?.from != null) {
    const sample = { scope: "text", result: null };
    const { scope, result } = Object(row.from({ ...sample })) as Record<string, unknown>;
    if (scope !== sample.scope || result !== sample.result) refuse("transform.row");
  }
  for (const [text, type, isRead] of sentValues) {
    const parse = parsers[type];
    if (parse != null && !isRead(parse(text))) refuse(`types, for the type ${type},`);
  }
}

/**
 * Listens to the errors of a pool, and of the clients that it lends. Both emit an event for a connection that broke, as when
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

/** How a pool is used. */
export interface PoolOptions {
  readonly clock: Clock;
  /** How long a connection and an answer are waited for together, milliseconds. */
  readonly busyMsMax: number;
  readonly prepare: boolean;
}

/** The user's pool, as a store or an outbox uses it. */
export interface PoolAccess<Connection> {
  readonly take: TakeConnection<Connection>;
  readonly limitTime: TimeLimit;
  readonly giveUp: GiveUp;
  /** Runs single statements on any connection of the pool. One that does not answer in time is cancelled in the server. */
  readonly query: PostgresQuery;
}

export function poolAccess<Connection extends PostgresConnection>(
  pool: PostgresPool<Connection>,
  { clock, busyMsMax, prepare }: PoolOptions,
): PoolAccess<Connection> {
  const take = connectionsOf(pool);
  const limitTime = timeLimit(clock, busyMsMax);
  const giveUp = overdueConnections(pool, take, clock);
  // When all others wait for the server, one is left to ask it why: see `standbyQuestion`.
  const max = pool.options?.max ?? Number.POSITIVE_INFINITY;
  const inTurn = takeInTurn(take, max > 2 ? max - 1 : max);

  const query: PostgresQuery = async (text, values) => {
    let isWanted = true;
    let running: PooledConnection<Connection> | undefined;
    let onAnswered: ((isWhole: boolean) => void) | undefined;
    const answered = (pooled: PooledConnection<Connection>, isWhole: boolean): void => {
      running = undefined;
      if (onAnswered !== undefined) onAnswered(isWhole);
      else if (isWhole) pooled.release();
      else pooled.destroy();
    };
    const execution = (async () => {
      const pooled = await inTurn(() => isWanted);
      if (!isWanted) {
        pooled.release();
        throw new Error("The statement was given up.");
      }
      running = pooled;
      try {
        const rows = await postgresQuery(pooled.connection, prepare)(text, values);
        answered(pooled, true);
        return rows;
      } catch (error) {
        answered(pooled, !isConnectionLost(error));
        throw error;
      }
    })();
    try {
      return await limitTime(execution);
    } catch (error) {
      isWanted = false;
      execution.catch(() => undefined);
      if (running !== undefined) {
        const isWhole = new Promise<boolean>((resolve) => (onAnswered = resolve));
        giveUp({ pooled: running, isWhole, mayCommit: true });
      }
      throw error;
    }
  };
  return { take, limitTime, giveUp, query };
}

/** Takes a connection in its turn, or throws when its turn has come and it is no longer wanted. */
export type TakeInTurn<Connection> = (isWanted: () => boolean) => Promise<PooledConnection<Connection>>;

/** At most `max` connections at a time. A place is left when its connection goes back to the pool or is closed. */
export function takeInTurn<Connection>(take: TakeConnection<Connection>, max: number): TakeInTurn<Connection> {
  const places = semaphore(max);
  return async (isWanted) => {
    await places.take();
    try {
      // Taken for nothing, it would be taken from another operation.
      if (!isWanted()) throw new Error("The operation was given up.");
      const pooled = await take();
      let isReturned = false;
      const returned = (giveBack: () => void): void => {
        if (isReturned) return;
        isReturned = true;
        giveBack();
        places.leave();
      };
      return { ...pooled, release: () => returned(pooled.release), destroy: () => returned(pooled.destroy) };
    } catch (error) {
      places.leave();
      throw error;
    }
  };
}
