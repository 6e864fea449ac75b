import { OnceAgainError } from "../../core/errors.ts";
import { mayStillRun } from "../sql/overdue-work.ts";
import type { OnLateUse, TransactionEnding } from "../store.ts";
import type { MysqlConnection } from "./client.ts";
import { errorNumber, isConflict, unknownSavepoint } from "./errors.ts";
import { GuardedPromiseConnection } from "./guarded-promise-connection.ts";
import type { Session } from "./sessions.ts";
import { MariadbGuard } from "./mariadb-guard.ts";

/** The savepoint before the handler's work. Whether it is still there tells whether its transaction is, too. */
export const savepoint = "once_again_work";

/** The work ended the transaction that it was given, though it must not. */
export class TransactionEnded extends Error {}

/**
 * Runs a handler's work after the savepoint was set. What it is given is of no use from its end on.
 *
 * @throws TransactionEnded when it is to be rolled back and can't be; what the work throws, or says that it failed over.
 */
export async function runWork<Connection extends MysqlConnection, Value>(
  session: Session<Connection>,
  isolation: string,
  work: (connection: Connection) => Promise<TransactionEnding<Value>>,
  onLateUse: OnLateUse | undefined,
): Promise<TransactionEnding<Value>> {
  const guard = new MariadbGuard(isolation, onLateUse);
  const given = new GuardedPromiseConnection(session.connection, guard) as unknown as Connection;
  let ending: TransactionEnding<Value>;
  try {
    ending = await work(given);
  } catch (error) {
    guard.end();
    // Work that may still run has its connection closed; and after a conflict there is nothing left to undo.
    const isRolledBack = guard.isRolledBack || isConflict(error) || mayStillRun(error) || (await rollBackWork(session));
    throw isRolledBack ? error : new TransactionEnded("The savepoint before the work is gone.", { cause: error });
  }
  guard.end();
  if (isConflict(ending.cause)) throw ending.cause;
  if (guard.isRolledBack) {
    if (ending.keep === "rollback") return ending;
    throw new OnceAgainError(
      "ONCE_HANDLER_FAILED",
      "The handler went on after a failure for which the server rolled everything back. Let errors of statements " +
        "through. Nothing was carried out.",
    );
  }
  if (ending.keep === "rollback" && !(await rollBackWork(session))) {
    throw new TransactionEnded("The savepoint before the work is gone.");
  }
  return ending;
}

/** Undoes what the work did, and says whether its transaction was still there. */
async function rollBackWork<Connection>(session: Session<Connection>): Promise<boolean> {
  try {
    await session.query(`ROLLBACK TO SAVEPOINT ${savepoint}`);
    return true;
  } catch (error) {
    // Whatever else is wrong with it, it is rolled back next, or closed.
    return errorNumber(error) !== unknownSavepoint;
  }
}
