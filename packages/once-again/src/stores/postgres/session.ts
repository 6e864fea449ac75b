import { OnceAgainError } from "../../core/errors.ts";
import type { TimeLimit } from "../time-limit.ts";
import { mayStillRun, type RollbackOutcome, savepoint, type TransactionSession } from "../sql/run-transaction.ts";
import { type PostgresConnection, type PostgresQuery, postgresQuery } from "./client.ts";
import { hasLostTransaction, isCancelled, isConnectionLost, isUnprepared, rethrowExplained } from "./errors.ts";
import type { GiveUp, PooledConnection } from "./connection.ts";
import type { TakeInTurn } from "./pool.ts";
import { TransactionGuard } from "../guard/guard.ts";

/** A connection of the user's pool on which a transaction has begun. */
export interface PostgresSession<Connection> extends TransactionSession<Connection> {
  readonly query: PostgresQuery;
  /** The rows of each question that it was opened with. */
  readonly opened: unknown;
}

/**
 * Takes a connection, begins a transaction on it, asks the questions, each a statement that has rows, and sets the savepoint of
 * the work.
 *
 * @throws OnceAgainError `ONCE_STORE_UNAVAILABLE` when all that took too long.
 */
export type OpenSession<Connection> = (questions: readonly string[]) => Promise<PostgresSession<Connection>>;

/** How the sessions of a store are opened. */
export interface SessionOptions<Connection> {
  readonly takeInTurn: TakeInTurn<Connection>;
  readonly giveUp: GiveUp;
  readonly limitTime: TimeLimit;
  readonly prepare: boolean;
  /** Of its transactions, in capitals. */
  readonly isolation: string;
  /** Bounds the waits of a transaction for locks. */
  readonly boundLocks: string;
  /** Prepares the statements that are executed by name, on a connection that does not know them yet. */
  readonly preparing: string;
}

export function sessionOpener<Connection extends PostgresConnection>(
  options: SessionOptions<Connection>,
): OpenSession<Connection> {
  const begin = `BEGIN ISOLATION LEVEL ${options.isolation}; ${options.boundLocks}`;
  return async (questions) => {
    let isGivenUp = false;
    let session: TransactionSession<Connection> | undefined;
    const opened = (async () => {
      const pooled = await options.takeInTurn(() => !isGivenUp);
      const send = postgresQuery(pooled.connection, options.prepare);
      const taken = sessionOn(options, pooled, send);
      session = taken;
      if (isGivenUp) {
        taken.release();
        throw givenUpError();
      }
      // Behind the ROLLBACK of a session that was given up, it would begin another transaction.
      const ask: PostgresQuery = (text) => (isGivenUp ? Promise.reject(givenUpError()) : send(text));
      const opening = [begin, ...questions, `SAVEPOINT ${savepoint}`].join("; ");
      return { ...taken, opened: await openedBy(ask, opening, options.preparing).catch(rethrowExplained) };
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

function givenUpError(): Error {
  return new Error("The transaction was given up.");
}

/** Begins a transaction. Only the server knows whether the connection has its statements: poolers change it. */
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
  { giveUp, limitTime, isolation }: SessionOptions<Connection>,
  pooled: PooledConnection<Connection>,
  send: PostgresQuery,
): Omit<PostgresSession<Connection>, "opened"> {
  const query: PostgresQuery = (text, values) => limitTime(send(text, values));

  return {
    query,
    async run(work, onLateUse) {
      const guard = new TransactionGuard("postgres", isolation, onLateUse);
      const { transaction, takeBack } = pooled.give(guard);
      try {
        return await work(transaction);
      } finally {
        guard.end();
        takeBack();
      }
    },
    commit: async (statements) => void (await query([...statements, "COMMIT"].join("; "))),
    release: pooled.release,
    async rollBack({ cause, checksSavepoint, isUnknown = false }) {
      if (isConnectionLost(cause)) {
        pooled.destroy();
        return "rolled back";
      }
      // It may not answer: nothing waits for it any more. A connection that has not executed its ROLLBACK is closed.
      const isStuck = mayStillRun(cause) || OnceAgainError.isInstance(cause, "ONCE_STORE_UNAVAILABLE");
      const rollingBack = isStuck
        ? pooled.idle().then(() => rollBackBy(send, false))
        : rollBackBy(send, checksSavepoint);
      const isWhole = rollingBack.then(
        () => true,
        () => false,
      );
      const overdue = { pooled, isWhole, mayCommit: isUnknown };
      if (isStuck) {
        giveUp(overdue);
        return "rolled back";
      }
      try {
        const outcome = await limitTime(rollingBack);
        pooled.release();
        return outcome;
      } catch {
        giveUp(overdue);
        return "rolled back";
      }
    },
  };
}

/** How often a ROLLBACK is sent that was cancelled instead of the statement before it. */
const rollbacksMax = 5;

async function rollBackBy(send: PostgresQuery, checksSavepoint: boolean): Promise<RollbackOutcome> {
  for (let sent = 1; ; sent += 1) {
    try {
      await send(checksSavepoint ? `ROLLBACK TO SAVEPOINT ${savepoint}; ROLLBACK` : "ROLLBACK");
      return "rolled back";
    } catch (error) {
      if (isCancelled(error) && sent < rollbacksMax) continue;
      if (!checksSavepoint || !hasLostTransaction(error)) throw error;
      // Another one that was begun in its place.
      await send("ROLLBACK");
      return "escaped";
    }
  }
}
