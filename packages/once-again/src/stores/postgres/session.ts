import { OnceAgainError } from "../../core/errors.ts";
import type { TimeLimit } from "../time-limit.ts";
import { mayStillRun } from "../sql/overdue-work.ts";
import { savepoint, type RollbackOutcome, type TransactionSession } from "../sql/run-transaction.ts";
import { type PostgresConnection, type PostgresQuery, postgresQuery } from "./client.ts";
import { hasLostTransaction, isConnectionLost, isUnprepared } from "./errors.ts";
import { rethrowExplained } from "./explain-errors.ts";
import type { TakeConnection, PooledConnection } from "./pooled-connection.ts";
import type { TransactionSlots } from "./transaction-slots.ts";
import { TransactionGuard } from "../sql/transaction-guard.ts";

/** A connection of the user's pool on which a transaction has begun. */
export interface PostgresSession<Connection> extends TransactionSession<Connection> {
  readonly query: PostgresQuery;
  /** What the statements that began the transaction were answered. */
  readonly opened: unknown;
}

/**
 * Takes a connection from the pool, and begins a transaction on it by `begin`.
 *
 * @throws OnceAgainError `ONCE_STORE_UNAVAILABLE` when all that took too long.
 */
export type OpenSession<Connection> = (begin: string) => Promise<PostgresSession<Connection>>;

/** How the sessions of a store are opened. */
export interface SessionOptions<Connection> {
  readonly takeConnection: TakeConnection<Connection>;
  readonly slots: TransactionSlots;
  readonly limitTime: TimeLimit;
  readonly prepare: boolean;
  /** Of its transactions, in capitals. */
  readonly isolation: string;
  /** What prepares the statements that are executed by name, on a connection that does not know them yet. */
  readonly preparing: string;
}

export function sessionOpener<Connection extends PostgresConnection>(
  options: SessionOptions<Connection>,
): OpenSession<Connection> {
  return async (begin) => {
    let isGivenUp = false;
    let session: TransactionSession<Connection> | undefined;
    const opened = (async () => {
      await options.slots.enter();
      let pooled: PooledConnection<Connection>;
      try {
        // Nobody waits for it any more, and a connection would be taken from somebody who does.
        if (isGivenUp) throw new Error("The transaction was given up.");
        pooled = await options.takeConnection();
      } catch (error) {
        options.slots.leave();
        throw error;
      }
      const run = postgresQuery(pooled.connection, options.prepare);
      const taken = sessionOn(options, pooled, run);
      session = taken;
      if (isGivenUp) {
        taken.release();
        throw new Error("The transaction was given up.");
      }
      return { ...taken, opened: await openedBy(run, begin, options.preparing).catch(rethrowExplained) };
    })();
    try {
      return await options.limitTime(opened);
    } catch (error) {
      isGivenUp = true;
      opened.catch(() => undefined);
      void session?.rollBack({ cause: error, checksSavepoint: false });
      throw error;
    }
  };
}

/** Begins a transaction. Where the connection knows its statements is known by nobody but the server: poolers change it. */
async function openedBy(run: PostgresQuery, begin: string, preparing: string): Promise<readonly unknown[]> {
  try {
    return await run(begin);
  } catch (error) {
    if (!isUnprepared(error)) throw error;
    // In one message, which even a pooler hands to one connection.
    return run(`ROLLBACK; BEGIN; ${preparing}; COMMIT; ${begin}`);
  }
}

function sessionOn<Connection extends PostgresConnection>(
  { slots, limitTime, isolation }: SessionOptions<Connection>,
  pooled: PooledConnection<Connection>,
  send: PostgresQuery,
): Omit<PostgresSession<Connection>, "opened"> {
  let lost: Error | undefined;
  let isReturned = false;
  const returned = (giveBack: (() => void) | undefined): void => {
    if (isReturned) return;
    isReturned = true;
    giveBack?.();
    slots.leave();
  };
  const release = (): void => returned(pooled.release);
  // `postgres` takes a broken connection out of its pool by itself, and would take a released one for whole.
  const destroy = (): void => returned(pooled.destroy);

  // A connection of `postgres` that is lost must not be given another statement.
  const query: PostgresQuery = (text, values) =>
    lost === undefined ? limitTime(send(text, values)) : Promise.reject(lost);

  return {
    query,
    async run(work, onLateUse) {
      const guard = new TransactionGuard("postgres", isolation, onLateUse);
      const { transaction, takeBack } = pooled.give(guard, (error) => void (lost = error));
      try {
        return await work(transaction);
      } finally {
        guard.end();
        takeBack();
      }
    },
    commit: async (statements) => void (await query([...statements, "COMMIT"].join("; "))),
    release,
    async rollBack({ cause, checksSavepoint }) {
      // What stands in the connection's queue would hold up a ROLLBACK behind it.
      const isStuck = mayStillRun(cause) || OnceAgainError.isInstance(cause, "ONCE_STORE_UNAVAILABLE");
      if (lost !== undefined || isConnectionLost(cause) || (isStuck && pooled.destroy !== undefined)) {
        destroy();
        return "rolled back";
      }
      const rollingBack = rollBackBy(send, checksSavepoint);
      rollingBack.then(release, (error: unknown) =>
        pooled.destroy === undefined && !isConnectionLost(error) ? release() : destroy(),
      );
      return limitTime(rollingBack).catch(() => {
        // Where it can't be closed, it is given back when it has rolled back after all.
        if (pooled.destroy !== undefined) destroy();
        return "rolled back";
      });
    },
  };
}

async function rollBackBy(send: PostgresQuery, checksSavepoint: boolean): Promise<RollbackOutcome> {
  try {
    await send(checksSavepoint ? `ROLLBACK TO SAVEPOINT ${savepoint}; ROLLBACK` : "ROLLBACK");
    return "rolled back";
  } catch (error) {
    if (!checksSavepoint || !hasLostTransaction(error)) throw error;
    // Another one that was begun in its place.
    await send("ROLLBACK");
    return "escaped";
  }
}
