import { OnceAgainError } from "../../core/errors.ts";
import { mayStillRun } from "../sql/overdue-work.ts";
import type { MysqlValue } from "./client.ts";
import { errorNumber, isConflict, isUnknownCommit, unavailableError, unknownSavepoint } from "./errors.ts";
import type { OpenSession, Session } from "./sessions.ts";
import { TransactionEnded } from "./work.ts";

/** How often a transaction is run at most: a conflict, or a commit that nobody acknowledged, is rare. */
const runsMax = 3;

/** How a transaction's body ends. */
export type Ended<Answer> =
  /** By these statements and COMMIT, in one trip. */
  | { answer: Answer; commit: readonly string[]; values?: readonly MysqlValue[] }
  /** By ROLLBACK; `unawaited` where nothing was done and so nobody needs to wait for it. */
  | { answer: Answer; rollBack: "awaited" | "unawaited" };

/** Several statements as one, which travels in one message: a compound statement of MariaDB. */
export function block(statements: readonly string[]): string {
  return `BEGIN NOT ATOMIC ${statements.join("; ")}; END`;
}

/**
 * Runs `body` in a transaction of its own, which it begins itself, on a connection of its own. It is run again when the
 * server rolled it back for another's sake; and, where `body` finds out by itself whether it was carried out before,
 * when no answer came to the COMMIT: then with `inDoubt`.
 *
 * @param hold sees to it that work which ended its transaction does not run again; missing where nothing can.
 * @throws OnceAgainError `ONCE_HANDLER_FAILED` when the work ended the transaction that it was given;
 *   `ONCE_STORE_UNAVAILABLE` when nobody knows whether it was carried out; what `body` throws.
 */
export async function inTransaction<Connection, Answer>(
  open: OpenSession<Connection>,
  findsOut: boolean,
  body: (session: Session<Connection>, inDoubt: boolean) => Promise<Ended<Answer>>,
  hold?: () => Promise<unknown>,
): Promise<Answer> {
  let inDoubt = false;
  for (let run = 1; ; run += 1) {
    const session = await open();
    let committing = false;
    try {
      const ended = await body(session, inDoubt);
      if ("rollBack" in ended) {
        const rolledBack = session.rollBack();
        if (ended.rollBack === "awaited") await rolledBack;
        return ended.answer;
      }
      committing = true;
      await session.query(block([...ended.commit, "COMMIT"]), ended.values);
      session.release();
      return ended.answer;
    } catch (error) {
      const unknown = committing && isUnknownCommit(error);
      if (unknown || mayStillRun(error)) session.destroy();
      else await session.rollBack();
      if (error instanceof TransactionEnded || (committing && errorNumber(error) === unknownSavepoint)) {
        throw await endedByHandler(error, hold);
      }
      const again = unknown ? findsOut : isConflict(error);
      if (!again || run === runsMax) {
        throw unknown ? unavailableError("no answer came to a COMMIT, which may have been carried out", error) : error;
      }
      inDoubt ||= unknown;
    }
  }
}

/** The error for work that ended its transaction. What it did by then may be committed, so that it must not run again. */
async function endedByHandler(cause: unknown, hold: (() => Promise<unknown>) | undefined): Promise<OnceAgainError> {
  const fate = hold === undefined ? "" : await hold().then(...keyFates);
  return new OnceAgainError(
    "ONCE_HANDLER_FAILED",
    "The handler ended the transaction it was given: what it had done by then may be committed. Leave COMMIT and " +
      `ROLLBACK to once-again, and no statement or procedure that commits by itself.${fate}`,
    { cause },
  );
}

/** What is said of a key that was to be held: when it is, and when that failed. */
const keyFates = [
  () => " The key is held, so that no repeat runs, until a person settles it.",
  () => " The key could not be held: a repeat runs.",
] as const;
