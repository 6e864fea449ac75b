import type { TransactionGuard } from "../guard/guard.ts";
import type {
  PgConnection,
  PgPool,
  PostgresConnection,
  PostgresJsConnection,
  PostgresJsPool,
  PostgresPool,
} from "./client.ts";
import { GuardedClient } from "../guard/pg.ts";
import { isConnectionLost } from "./errors.ts";
import { guardedSql } from "../guard/postgres-js.ts";

/** A connection as a handler is given it. */
export interface HandlerConnection<Connection> {
  readonly transaction: Connection;
  /** Takes it back. Its guard has ended before. */
  readonly takeBack: () => void;
}

/** A connection of the user's pool that is ours for a while. Whichever of its ends comes first counts. */
export interface PooledConnection<Connection> {
  readonly connection: Connection;
  readonly give: (guard: TransactionGuard, onLost: (error: Error) => void) => HandlerConnection<Connection>;
  readonly release: () => void;
  /** Closes it. `postgres` closes a lost one by itself, and no other. */
  readonly destroy: () => void;
  /** Whether `destroy` closes one that is not lost. */
  readonly isClosable: boolean;
  /** Resolves when no statement runs on it: a Client of `pg` is to be given no other one before. */
  readonly idle: () => Promise<void>;
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
  return (
    "reserve" in pool
      ? () => reserved(pool as PostgresJsPool<PostgresJsConnection>)
      : () => connected(pool as PgPool<PgConnection>)
  ) as TakeConnection<Connection>;
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
    isClosable: true,
    idle: () => idle(connection),
    cancelRequest: () => pgCancelRequest(pool, connection),
  };
}

function idle(connection: PgConnection): Promise<void> {
  const client = connection as unknown as {
    readyForQuery?: boolean;
    once(event: string, listener: () => void): unknown;
  };
  if (client.readyForQuery !== false) return Promise.resolve();
  return new Promise((resolve) => {
    for (const event of ["drain", "end"]) client.once(event, resolve);
  });
}

function givenClient(connection: PgConnection, guard: TransactionGuard): HandlerConnection<PgConnection> {
  const client = new GuardedClient(connection, guard);
  return { transaction: client as unknown as PgConnection, takeBack: () => client.forgetListeners() };
}

async function reserved(pool: PostgresJsPool<PostgresJsConnection>): Promise<PooledConnection<PostgresJsConnection>> {
  const connection = await pool.reserve();
  const cancelRequest = postgresJsCancelRequest(connection);
  let isReturned = false;
  return {
    connection,
    give: (guard, onLost) => ({
      transaction: guardedSql(connection, pool, guard, { isLost: isConnectionLost, onLost }),
      takeBack: ignore,
    }),
    release: () => {
      if (isReturned) return;
      isReturned = true;
      connection.release();
    },
    destroy: ignore,
    isClosable: false,
    idle: () => Promise.resolve(),
    cancelRequest,
  };
}

/**
 * Asks the server to cancel the statement that runs on a connection, over another link, as the protocol wants it. Resolves
 * when the server has closed that link: the connection that it named has its signal by then, so no later statement of
 * that connection is cancelled. Rejects when the server can't be reached.
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
      const timer = setTimeout(() => connection.stream.destroy(), cancelMsMax);
      let isSent = false;
      const send = (): void => {
        connection.cancel(processID, secretKey);
        isSent = true;
      };
      connection.on("connect", () => (connection.ssl ? connection.requestSsl() : send()));
      connection.on("sslconnect", send);
      connection.on("error", () => connection.stream.destroy());
      connection.on("end", () => {
        clearTimeout(timer);
        if (isSent) resolve();
        else reject(new Error("The server took no cancel request."));
      });
      if (host.startsWith("/")) connection.connect(`${host}/.s.PGSQL.${port}`);
      else connection.connect(port, host);
    });
}

/** The part of a query of `postgres` that we use: what its own `cancel` uses. */
interface PostgresJsInternals {
  readonly state: { readonly pid: number; readonly secret: number } | null;
  readonly canceller: ((query: { state: unknown; active: boolean }) => Promise<void>) | null;
}

/**
 * Remembers the first query of a reserved connection of `postgres`, which knows what to name in a cancel request.
 *
 * @returns `undefined` until a query was sent.
 */
export function postgresJsCancelRequest(connection: PostgresJsConnection): () => CancelRequest | undefined {
  const unsafe = connection.unsafe.bind(connection);
  let first: PostgresJsInternals | undefined;
  connection.unsafe = (...asked) => {
    const query = unsafe(...asked);
    first ??= query as unknown as PostgresJsInternals;
    return query;
  };
  return () => {
    const { state, canceller } = first ?? { state: null, canceller: null };
    return state && canceller ? () => canceller({ state, active: true }) : undefined;
  };
}
