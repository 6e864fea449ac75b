import type { TransactionGuard } from "../guard/guard.ts";
import {
  type BunConnection,
  isBunSql,
  type PgConnection,
  type PgPool,
  type PostgresConnection,
  type PostgresJsConnection,
  type PostgresJsPool,
  type PostgresPool,
} from "./client.ts";
import { GuardedClient } from "../guard/pg.ts";
import { guardedSql, type PostgresJsQuery } from "../guard/postgres-js.ts";
import { reserveLink } from "./reserve-link.ts";

/** A connection as a handler is given it. */
export interface HandlerConnection<Connection> {
  readonly transaction: Connection;
  /** Takes it back. Its guard has ended before. */
  readonly takeBack: () => void;
}

/** A connection of the user's pool that is ours for a while. Whichever of its ends comes first counts. */
export interface PooledConnection<Connection> {
  /** Refuses statements from the moment on at which the connection is lost: the pool may lend it anew, to another. */
  readonly connection: Connection;
  readonly give: (guard: TransactionGuard) => HandlerConnection<Connection>;
  readonly release: () => void;
  readonly destroy: () => void;
  /** Keeps it, also where it would go back to its pool by itself when it has answered. */
  readonly hold: () => void;
  /** Resolves when no statement runs on it: a Client of `pg` is to be given no other one before. */
  readonly idle: () => Promise<void>;
  /** Whether all is answered that it was asked before it was lent. */
  readonly isOurs: () => boolean;
  /** How its statement is cancelled in the server; `undefined` where it can't be. */
  readonly cancelRequest: () => CancelRequest | undefined;
}

/** A connection with a statement that nothing waits for any more. */
export interface OverdueConnection {
  readonly pooled: PooledConnection<unknown>;
  /** Resolves when all is answered that the connection was asked: whether it can be given back to its pool. Never rejects. */
  readonly isWhole: Promise<boolean>;
  /** Whether its statement may be a COMMIT, or commit by itself. */
  readonly mayCommit: boolean;
}

/** Takes a connection over from an operation that waits no longer. */
export type GiveUp = (overdue: OverdueConnection) => void;

/** Takes a connection from the pool, and waits for one without end. */
export type TakeConnection<Connection> = () => Promise<PooledConnection<Connection>>;

export function connectionsOf<Connection extends PostgresConnection>(
  pool: PostgresPool<Connection>,
): TakeConnection<Connection> {
  let take: TakeConnection<PostgresConnection>;
  if (!("reserve" in pool)) take = () => connected(pool as PgPool<PgConnection>);
  else if (isBunSql(pool)) take = () => reservedOfBun(pool as PostgresPool<never> as PostgresJsPool<BunConnection>);
  else take = () => reserved(pool as PostgresJsPool<PostgresJsConnection>);
  return take as TakeConnection<Connection>;
}

// A lent connection that breaks says so by an event, which would end the process without a listener. The statement that
// runs, or the next one, fails with the same error.
const ignore = (): void => undefined;

function connected(pool: PgPool<PgConnection>): Promise<PooledConnection<PgConnection>> {
  return new Promise((resolve, reject) => {
    const take = (error: Error | undefined, connection: PgConnection | undefined): void => {
      if (connection === undefined) return reject(error ?? new Error("The pool lent no connection."));
      resolve(lentClient(pool, connection));
    };
    // A promise would go on too late: the end of a connection may come in one packet with its beginning. But a wrapped
    // pool may have that form alone.
    const lending = (pool.connect as (callback: typeof take) => unknown).call(pool, take);
    if (!(lending instanceof Promise)) return;
    lending.then((connection: PgConnection | undefined) => connection && take(undefined, connection), reject);
  });
}

function lentClient(pool: PgPool<PgConnection>, connection: PgConnection): PooledConnection<PgConnection> {
  connection.on("error", ignore);
  let isReturned = false;
  const giveBack = (destroy: boolean): void => {
    if (isReturned) return;
    isReturned = true;
    connection.removeListener("error", ignore);
    connection.release(destroy);
  };
  return {
    connection,
    give: (guard) => givenClient(connection, guard),
    release: () => giveBack(false),
    destroy: () => giveBack(true),
    hold: ignore,
    idle: () => idle(connection),
    isOurs: () => true,
    cancelRequest: () => pgCancelRequest(pool, connection),
  };
}

function idle(connection: PgConnection): Promise<void> {
  const client = connection as unknown as {
    readyForQuery?: boolean;
    on(event: string, listener: () => void): unknown;
    removeListener(event: string, listener: () => void): unknown;
  };
  if (client.readyForQuery !== false) return Promise.resolve();
  return new Promise((resolve) => {
    const events = ["drain", "end"];
    const end = (): void => {
      for (const event of events) client.removeListener(event, end);
      resolve();
    };
    for (const event of events) client.on(event, end);
  });
}

function givenClient(connection: PgConnection, guard: TransactionGuard): HandlerConnection<PgConnection> {
  const client = new GuardedClient(connection, guard);
  return { transaction: client as unknown as PgConnection, takeBack: () => client.forgetListeners() };
}

async function reserved(pool: PostgresJsPool<PostgresJsConnection>): Promise<PooledConnection<PostgresJsConnection>> {
  const link = await reserveLink(pool);
  return {
    connection: { unsafe: link.unsafe, release: ignore },
    give: (guard) => ({ transaction: guardedSql(pool, guard, link), takeBack: ignore }),
    release: () => (link.isLost() ? link.close : link.giveBack)(),
    destroy: link.close,
    hold: link.hold,
    idle: () => Promise.resolve(),
    // It may be lent while it still runs a statement of the user's, which ours is sent behind.
    isOurs: link.isOurs,
    cancelRequest: () => (link.isLost() ? undefined : postgresJsCancelRequest(link.first)),
  };
}

/** Its queries show neither their text nor their session: the store gives no handler one, and cancels nothing. */
async function reservedOfBun(pool: PostgresJsPool<BunConnection>): Promise<PooledConnection<PostgresConnection>> {
  const connection = await pool.reserve();
  return {
    connection,
    give: () => {
      throw new Error("A connection of Bun.sql is given to no handler.");
    },
    release: () => connection.release(),
    destroy: () => void connection.close({ timeout: 0 }).catch(ignore),
    hold: ignore,
    idle: () => Promise.resolve(),
    isOurs: () => true,
    cancelRequest: () => undefined,
  };
}

/**
 * Asks the server to cancel the statement that runs on a connection, over another link, as the protocol wants it. Resolves
 * when the server has closed that link: the connection that it named has its signal by then, so no later statement of
 * that connection is cancelled. Rejects when it did not within a second: a request that is under way may still cancel whatever
 * the connection is asked then.
 */
export type CancelRequest = () => Promise<void>;

/** How long the server may take for a cancel request, milliseconds. */
const cancelMsMax = 1000;

/** The part of a Pool of `pg` that we use beside its interface: the class of its connections. */
interface ClientMaker {
  readonly Client?: new (options: unknown) => PgInternals;
  readonly options?: unknown;
}

/** The part of a Client of `pg` that we use: what its own `cancel` uses. A Client of `pg-native` has no `connection`. */
interface PgInternals {
  readonly host: string;
  readonly port: number;
  readonly processID?: number | null;
  readonly secretKey?: unknown;
  readonly connection?: {
    readonly ssl: unknown;
    readonly stream: { destroy(): void };
    connect(portOrPath: number | string, host?: string): void;
    requestSsl(): void;
    cancel(processID: number, secretKey: unknown): void;
    on(event: "connect" | "sslconnect" | "error" | "end", listener: (error?: unknown) => void): unknown;
  };
}

/** @returns `undefined` where it can't be asked for: a pool of another make, or a pooler that gave no key for it. */
export function pgCancelRequest(pool: unknown, client: PgConnection): CancelRequest | undefined {
  const { Client, options } = pool as ClientMaker;
  const { processID, secretKey } = client as unknown as PgInternals;
  if (typeof Client !== "function" || !processID || secretKey === undefined || secretKey === null) return undefined;
  return () =>
    new Promise((resolve, reject) => {
      const { connection, host, port } = new Client(options);
      if (connection === undefined) return resolve();
      const abort = (): void => {
        reject(unconfirmedError());
        connection.stream.destroy();
      };
      const timer = setTimeout(abort, cancelMsMax);
      const send = (): void => connection.cancel(processID, secretKey);
      connection.on("connect", () => (connection.ssl ? connection.requestSsl() : send()));
      connection.on("sslconnect", send);
      connection.on("error", abort);
      connection.on("end", () => {
        clearTimeout(timer);
        resolve();
      });
      if (host.startsWith("/")) connection.connect(`${host}/.s.PGSQL.${port}`);
      else connection.connect(port, host);
    });
}

function postgresJsCancelRequest({ state: session, canceller }: PostgresJsQuery): CancelRequest | undefined {
  if (!session || !canceller) return undefined;
  // It shows another session as soon as the connection has one.
  const state = { pid: session.pid, secret: session.secret };
  return () =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(unconfirmedError()), cancelMsMax);
      void canceller({ state, active: true })
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
}

function unconfirmedError(): Error {
  return new Error("The server did not confirm a cancel request.");
}
