import type { Clock } from "../../core/clock.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { takeInTime, timeLimit } from "../time-limit.ts";
import { notMigratedError } from "../sql/names.ts";
import { type MysqlConnection, type MysqlPool, type MysqlQuery, type MysqlValue, storeQuery } from "./client.ts";
import {
  abortedError,
  mayStillRun,
  type RollbackOutcome,
  savepoint,
  type TransactionSession,
} from "../sql/run-transaction.ts";
import { errorNumber, isConflict, noSuchTable, rollsBack, unknownSavepoint } from "./errors.ts";
import { GuardedPromiseConnection, MariadbGuard } from "../guard/mysql2.ts";

/** A connection of the user's pool that is ours for a while. */
export interface MariadbSession<Connection> extends TransactionSession<Connection> {
  /** The wait for the connection counts for the first statement: both together are bounded. */
  readonly query: MysqlQuery;
  /**
   * Begins a transaction by these statements, makes the savepoint of the work, and answers what the statements gave, in
   * one trip.
   */
  readonly begin: (statements: readonly string[], values?: readonly MysqlValue[]) => Promise<unknown>;
  /** Closes it, with all that it holds. */
  readonly destroy: () => void;
  /** Gives it back after a statement that failed outside of a transaction, or closes it when it has fallen silent. */
  readonly giveBack: () => void;
}

/**
 * Takes a connection from the pool; `ONCE_STORE_UNAVAILABLE` when none is to be had in time.
 *
 * @param unlock a statement that is sent before the connection goes back, since a named lock is not the transaction's.
 */
export type OpenSession<Connection> = (unlock?: string) => Promise<MariadbSession<Connection>>;

/** How the sessions of a store are opened. */
export interface SessionOptions {
  readonly clock: Clock;
  readonly busyMsMax: number;
  /** Of its transactions. */
  readonly isolation: string;
}

/** Several statements as one, which travels in one message: a compound statement of MariaDB. */
export function block(statements: readonly string[]): string {
  return `BEGIN NOT ATOMIC ${statements.join("; ")}; END`;
}

export function sessionOpener<Connection extends MysqlConnection>(
  pool: MysqlPool<Connection>,
  { clock, busyMsMax, isolation }: SessionOptions,
): OpenSession<Connection> {
  const limitTime = timeLimit(clock, busyMsMax);
  return async (unlock) => {
    const startedAt = clock.monotonic();
    const connection = await takeInTime(limitTime, pool.getConnection(), (late) => late.release());
    const waitedMs = clock.monotonic() - startedAt;
    let isFirst = true;
    let isSilent = false;
    const run = storeQuery(connection);
    const query: MysqlQuery = async (statement, values) => {
      const withinMs = isFirst ? Math.max(1, busyMsMax - waitedMs) : busyMsMax;
      isFirst = false;
      try {
        return await limitTime(run(statement, values), withinMs);
      } catch (error) {
        // The server's own errors have another shape.
        isSilent ||= OnceAgainError.isInstance(error);
        throw errorNumber(error) === noSuchTable ? notMigratedError("MariaDB", error) : error;
      }
    };
    const release = (): void => connection.release();
    const destroy = (): void => connection.destroy();
    const giveBack = (): void => (isSilent ? destroy() : release());
    const rollBack = (): Promise<void> =>
      isSilent
        ? Promise.resolve(destroy())
        : query(unlock === undefined ? "ROLLBACK" : block(["ROLLBACK", unlock])).then(release, destroy);
    return {
      query,
      release: unlock === undefined ? release : () => void query(unlock).then(release, destroy),
      destroy,
      giveBack,
      ...transactionOn(connection, isolation, { query, destroy, rollBack }),
    };
  };
}

/** How a session's transaction begins and ends. */
function transactionOn<Connection extends MysqlConnection>(
  connection: Connection,
  isolation: string,
  session: {
    readonly query: MysqlQuery;
    readonly destroy: () => void;
    /** Rolls back and gives the connection back, or closes it. Never rejects. */
    readonly rollBack: () => Promise<void>;
  },
): Pick<MariadbSession<Connection>, "begin" | "run" | "commit" | "rollBack"> {
  const { query } = session;
  let hasSavepoint = false;

  return {
    async begin(statements, values) {
      const answer = await query(block([...statements, `SAVEPOINT ${savepoint}`]), values);
      hasSavepoint = true;
      return answer;
    },
    async run(work, onLateUse) {
      const guard = new MariadbGuard(isolation, onLateUse, rollsBack);
      const handlerConnection = new GuardedPromiseConnection(connection, guard) as unknown as Connection;
      try {
        const ending = await work(handlerConnection);
        if (guard.isRolledBack && ending.keep !== "rollback" && !isConflict(ending.cause)) throw abortedError();
        return ending;
      } finally {
        guard.end();
        if (guard.isRolledBack) hasSavepoint = false;
      }
    },
    commit: async (statements, values) =>
      void (await query(block([...statements, "COMMIT"]), values as readonly MysqlValue[] | undefined)),
    async rollBack({ cause, isUnknown = false, checksSavepoint }) {
      // Statements in the connection's queue would hold up a ROLLBACK behind them.
      if (isUnknown || mayStillRun(cause)) {
        session.destroy();
        return "rolled back";
      }
      let outcome: RollbackOutcome = "rolled back";
      // After a conflict there is nothing left to look for.
      if (checksSavepoint && hasSavepoint && !isConflict(cause)) {
        outcome = await query(`ROLLBACK TO SAVEPOINT ${savepoint}`).then(
          () => "rolled back",
          // Whatever else is wrong with it, it is rolled back next, or closed.
          (error: unknown) => (errorNumber(error) === unknownSavepoint ? "escaped" : "rolled back"),
        );
      }
      await session.rollBack();
      return outcome;
    },
  };
}

/**
 * Runs each statement on its own connection, which goes back to the pool afterwards. One that does not answer in
 * time is closed: its link may have fallen silent, and the pool would wait for it for as long as the kernel does.
 */
export function sessionQuery<Connection>(open: OpenSession<Connection>): MysqlQuery {
  return async (statement, values) => {
    const session = await open();
    try {
      const answer = await session.query(statement, values);
      session.release();
      return answer;
    } catch (error) {
      session.giveBack();
      throw error;
    }
  };
}
