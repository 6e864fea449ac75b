import { OnceAgainError } from "../../core/errors.ts";
import type { TimeLimit } from "../time-limit.ts";
import { mayStillRun } from "../sql/overdue-work.ts";
import type { OnLateUse } from "../store.ts";
import { type PostgresConnection, type PostgresQuery, postgresQuery } from "./client.ts";
import { hasLostTransaction, isConnectionLost } from "./errors.ts";
import { rethrowExplained } from "./explain-errors.ts";
import type { TakeConnection, PooledConnection } from "./pooled-connection.ts";
import type { TransactionSlots } from "./transaction-slots.ts";
import { TransactionGuard } from "../sql/transaction-guard.ts";

/** A connection of the user's pool that is ours for one transaction, which has begun. */
export interface Session<Connection> {
  readonly query: PostgresQuery;
  /** Runs work with the transaction, which is of no use to it once it has ended, whatever it still does. */
  readonly run: <Value>(
    work: (transaction: Connection) => Promise<Value>,
    onLateUse: OnLateUse | undefined,
  ) => Promise<Value>;
  /** Gives the connection back to the pool. No transaction may be open. */
  readonly release: () => void;
  /**
   * Rolls back, and gives the connection back; one that is lost, or can't even do that, is destroyed. Never rejects.
   *
   * @param looks whether to look for the savepoint of the work.
   * @returns `escaped` when it was looked for and is gone: somebody had ended the transaction that the work was given.
   */
  readonly rollBack: (options: { cause?: unknown; looks: boolean }) => Promise<"rolled back" | "escaped">;
}

/**
 * Takes a connection from the pool, and begins a transaction on it by `begin`.
 *
 * @returns the session, and what `begin` was answered.
 * @throws OnceAgainError `ONCE_STORE_UNAVAILABLE` when all that took too long.
 */
export type OpenSession<Connection> = (begin: string) => Promise<{ session: Session<Connection>; answer: unknown }>;

/** The savepoint before the handler's work. Whether it is still there tells whether its transaction is, too. */
export const savepoint = "once_again_work";

/** How the sessions of a store are opened. */
export interface SessionOptions<Connection> {
  readonly takeConnection: TakeConnection<Connection>;
  readonly slots: TransactionSlots;
  readonly limitTime: TimeLimit;
  readonly prepare: boolean;
  /** Of its transactions, in capitals. */
  readonly isolation: string;
}

export function sessions<Connection extends PostgresConnection>(
  options: SessionOptions<Connection>,
): OpenSession<Connection> {
  return async (begin) => {
    let isGivenUp = false;
    let session: Session<Connection> | undefined;
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
      session = sessionOf(options, pooled, run);
      if (isGivenUp) {
        session.release();
        throw new Error("The transaction was given up.");
      }
      return { session, answer: await run(begin).catch(rethrowExplained) };
    })();
    try {
      return await options.limitTime(opened);
    } catch (error) {
      isGivenUp = true;
      opened.catch(() => undefined);
      void session?.rollBack({ cause: error, looks: false });
      throw error;
    }
  };
}

function sessionOf<Connection extends PostgresConnection>(
  { slots, limitTime, isolation }: SessionOptions<Connection>,
  pooled: PooledConnection<Connection>,
  send: PostgresQuery,
): Session<Connection> {
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

  return {
    // A connection of `postgres` that is lost must not be given another statement.
    query: (text, values) => (lost === undefined ? limitTime(send(text, values)) : Promise.reject(lost)),
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
    release,
    async rollBack({ cause, looks }) {
      // What stands in the connection's queue would hold up a ROLLBACK behind it.
      const isStuck = mayStillRun(cause) || OnceAgainError.isInstance(cause, "ONCE_STORE_UNAVAILABLE");
      if (lost !== undefined || isConnectionLost(cause) || (isStuck && pooled.destroy !== undefined)) {
        destroy();
        return "rolled back";
      }
      const rollingBack = rollBackBy(send, looks);
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

async function rollBackBy(send: PostgresQuery, looks: boolean): Promise<"rolled back" | "escaped"> {
  try {
    await send(looks ? `ROLLBACK TO SAVEPOINT ${savepoint}; ROLLBACK` : "ROLLBACK");
    return "rolled back";
  } catch (error) {
    if (!looks || !hasLostTransaction(error)) throw error;
    // Another one that was begun in its place.
    await send("ROLLBACK");
    return "escaped";
  }
}
