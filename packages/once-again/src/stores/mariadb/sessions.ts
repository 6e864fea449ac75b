import type { Clock } from "../../core/clock.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { timeLimit } from "../time-limit.ts";
import { notMigratedError } from "../sql/not-migrated-error.ts";
import { type MysqlConnection, type MysqlPool, type MysqlQuery, mysqlQuery } from "./client.ts";
import { errorNumber, noSuchTable } from "./errors.ts";

/** A connection of the user's pool that is ours for a while. */
export interface Session<Connection> {
  readonly connection: Connection;
  /** The wait for the connection counts for the first statement: both together are bounded. */
  readonly query: MysqlQuery;
  /** Gives it back to the pool. No transaction may be open. */
  readonly release: () => void;
  /**
   * Rolls back, and gives it back; a connection that can't even do that, or has fallen silent, is destroyed. Never
   * rejects.
   */
  readonly rollBack: () => Promise<void>;
  /** Closes it, with all that it holds. */
  readonly destroy: () => void;
  /** Gives it back after a statement that failed outside of a transaction, or closes it when it has fallen silent. */
  readonly giveBack: () => void;
}

/** Takes a connection from the pool; `ONCE_STORE_UNAVAILABLE` when none is to be had in time. */
export type OpenSession<Connection> = () => Promise<Session<Connection>>;

export function sessions<Connection extends MysqlConnection>(
  pool: MysqlPool<Connection>,
  clock: Clock,
  busyMsMax: number,
): OpenSession<Connection> {
  const limitTime = timeLimit(clock, busyMsMax);
  return async () => {
    const startedAt = clock.monotonic();
    const lending = pool.getConnection();
    const connection = await limitTime(lending).catch((error: unknown) => {
      // It may still come, and nobody would give it back.
      void lending.then((late) => late.release()).catch(() => undefined);
      throw error;
    });
    const waitedMs = clock.monotonic() - startedAt;
    let isFirst = true;
    let isSilent = false;
    const run = mysqlQuery(connection);
    const query: MysqlQuery = async (statement, values) => {
      const within = isFirst ? timeLimit(clock, Math.max(1, busyMsMax - waitedMs)) : limitTime;
      isFirst = false;
      try {
        return await within(run(statement, values));
      } catch (error) {
        // The server's own errors have another shape.
        isSilent ||= OnceAgainError.isInstance(error);
        throw errorNumber(error) === noSuchTable ? notMigratedError("MariaDB", error) : error;
      }
    };
    const release = (): void => connection.release();
    const destroy = (): void => connection.destroy();
    const rollBack = async (): Promise<void> => (isSilent ? destroy() : query("ROLLBACK").then(release, destroy));
    const giveBack = (): void => (isSilent ? destroy() : release());
    return { connection, query, release, destroy, rollBack, giveBack };
  };
}

/**
 * Runs each statement on a connection of its own, which goes back to the pool afterwards. One that does not answer in
 * time is closed: its link may have fallen silent, and the pool would wait for it for as long as the kernel does.
 */
export function lentQuery<Connection>(open: OpenSession<Connection>): MysqlQuery {
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
