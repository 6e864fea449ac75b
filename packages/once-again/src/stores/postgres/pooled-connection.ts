import {
  type PgConnection,
  type PgPool,
  type PostgresConnection,
  type PostgresJsConnection,
  type PostgresJsPool,
  type PostgresPool,
} from "./client.ts";
import { GuardedClient } from "./guarded-client.ts";
import { guardedSql } from "./guarded-sql.ts";
import type { TransactionGuard } from "../sql/transaction-guard.ts";

/** What a handler is given of a connection. */
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
  /** Closes it; missing where no single connection can be closed (`postgres`). */
  readonly destroy?: (() => void) | undefined;
}

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

// A lent connection that breaks says so by an event, which would end the process if nobody listened. The statement that
// runs, or the next one, fails with the same error.
const ignore = (): void => undefined;

function connected(pool: PgPool<PgConnection>): Promise<PooledConnection<PgConnection>> {
  return new Promise((resolve, reject) => {
    const take = (error: Error | undefined, connection: PgConnection | undefined): void => {
      if (connection === undefined) return reject(error ?? new Error("The pool lent no connection."));
      resolve(lentClient(connection));
    };
    // A promise would go on too late: the end of a connection may come in one packet with its beginning. But a pool that
    // somebody wrapped may know that form alone.
    const lending = (pool.connect as (callback: typeof take) => unknown).call(pool, take);
    if (!(lending instanceof Promise)) return;
    lending.then((connection: PgConnection | undefined) => connection && take(undefined, connection), reject);
  });
}

function lentClient(connection: PgConnection): PooledConnection<PgConnection> {
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
  };
}

function givenClient(connection: PgConnection, guard: TransactionGuard): HandlerConnection<PgConnection> {
  const client = new GuardedClient(connection, guard);
  return { transaction: client as unknown as PgConnection, takeBack: () => client.forgetListeners() };
}

async function reserved(pool: PostgresJsPool<PostgresJsConnection>): Promise<PooledConnection<PostgresJsConnection>> {
  const connection = await pool.reserve();
  let isReturned = false;
  return {
    connection,
    give: (guard, onLost) => ({ transaction: guardedSql(connection, pool, guard, onLost), takeBack: ignore }),
    release: () => {
      if (isReturned) return;
      isReturned = true;
      connection.release();
    },
  };
}
