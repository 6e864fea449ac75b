import { OnceAgainError } from "../../core/errors.ts";
import { hasLostTransaction, isConflict, isUnknownCommit, sqlState, unavailableError } from "./errors.ts";
import type { OpenSession, Session } from "./sessions.ts";

/** How often a transaction is run at most: a conflict, or a commit that nobody acknowledged, is rare. */
const runsMax = 3;

/** How a transaction's body ends. */
export type Ended<Answer> =
  /** By these statements and COMMIT, in one trip. */
  | { answer: Answer; commit: string }
  /** By ROLLBACK; `unawaited` where nothing was done and so nobody needs to wait for it. */
  | { answer: Answer; rollBack: "awaited" | "unawaited" };

/** What a transaction does. */
export interface TransactionPlan<Connection, Answer> {
  /** Begins it, and asks what has to be known before the work, in one trip. The last of it makes the savepoint. */
  begin(inDoubt: boolean): string;
  /** @param opened what `begin` was answered. */
  body(session: Session<Connection>, opened: unknown, inDoubt: boolean): Promise<Ended<Answer>>;
  /** Whether `body` finds out by itself if it was carried out before. */
  readonly findsOut: boolean;
  /** Keeps the key from ever running again, after somebody ended the transaction under the work. */
  readonly hold?: () => Promise<void>;
}

/**
 * Runs a transaction on a connection of its own. It is run again when the database rolled it back for another's sake;
 * and, where `body` finds out by itself whether it was carried out before, when no answer came to the COMMIT: then with
 * `inDoubt`.
 *
 * @throws OnceAgainError `ONCE_HANDLER_FAILED` when the work ended, or broke, the transaction that it was given;
 *   `ONCE_STORE_UNAVAILABLE` when nobody knows whether it was carried out; what `body` throws.
 */
export async function inTransaction<Connection, Answer>(
  open: OpenSession<Connection>,
  plan: TransactionPlan<Connection, Answer>,
): Promise<Answer> {
  let inDoubt = false;
  for (let run = 1; ; run += 1) {
    const { session, answer: opened } = await open(plan.begin(inDoubt));
    let ended: Ended<Answer> | undefined;
    try {
      ended = await plan.body(session, opened, inDoubt);
      if ("commit" in ended) {
        await session.query(`${ended.commit}; COMMIT`);
        session.release();
        return ended.answer;
      }
    } catch (error) {
      const committing = ended !== undefined;
      const unknown = committing && isUnknownCommit(error);
      // After a failed COMMIT the savepoint is gone as it should be, unless it was the first thing to fail.
      const rolledBack = session.rollBack({ cause: error, looks: !committing || sqlState(error) === "25P02" });
      const isEscaped = !unknown && ((await rolledBack) === "escaped" || (committing && hasLostTransaction(error)));
      if (isEscaped) throw await escaped(plan, error);
      const again = unknown ? plan.findsOut : isConflict(error) || (committing && isTaken(error));
      if (!again || run === runsMax) throw committing ? commitError(error, unknown) : error;
      inDoubt ||= unknown;
      continue;
    }
    const isAwaited = ended.rollBack === "awaited";
    const rolledBack = session.rollBack({ looks: isAwaited });
    if (isAwaited && (await rolledBack) === "escaped") throw await escaped(plan, undefined);
    return ended.answer;
  }
}

/** Whether another has stored the key meanwhile (unique_violation). */
function isTaken(error: unknown): boolean {
  return sqlState(error) === "23505";
}

/** What the work did may be committed without its key: the key is held, and the error says so. */
async function escaped(plan: TransactionPlan<never, unknown>, cause: unknown): Promise<OnceAgainError> {
  const { hold } = plan;
  const fate =
    hold === undefined
      ? "there is no key that could be held."
      : await hold().then(
          () => "so its key is held: it is not run again. Look its effect up, and settle the key (once-again keys).",
          () => "and its key could not be held, since the database did not answer. Look its effect up.",
        );
  return new OnceAgainError(
    "ONCE_HANDLER_FAILED",
    `The handler ended the transaction that it was given. What it wrote may be committed without its key; ${fate} Leave ` +
      "COMMIT and ROLLBACK to once-again.",
    { cause },
  );
}

function commitError(error: unknown, unknown: boolean): unknown {
  if (unknown) return unavailableError("no answer came to a COMMIT, which may have been carried out", error);
  // in_failed_sql_transaction
  if (sqlState(error) !== "25P02") return error;
  return new OnceAgainError(
    "ONCE_HANDLER_FAILED",
    "The handler went on after one of its statements had failed, and the database rolled its transaction back. Let the " +
      "errors of statements through, or set a savepoint before a statement that may fail.",
    { cause: error },
  );
}
