import { OnceAgainError } from "../../core/errors.ts";
import type { OnLateUse, StepRequest, TransactionEnding } from "../store.ts";
import { type KeyRow, readRow } from "./record-format.ts";

/** How often a transaction is run at most: a conflict, or a commit without an acknowledgement, is rare. */
const runsMax = 3;

/** The savepoint before the handler's work. If it is still there, so is its transaction. */
export const savepoint = "once_again_work";

/** A handler's work in its transaction. */
export type Work<Connection, Value> = (connection: Connection) => Promise<TransactionEnding<Value>>;

/** A connection of the user's pool that is ours for one transaction. */
export interface TransactionSession<Connection> {
  /**
   * Runs work with a guard of the connection, which refuses every use after the work has ended.
   *
   * @throws what the work throws, and `ONCE_HANDLER_FAILED` when it went on after the database had rolled it back.
   */
  run<Value>(work: Work<Connection, Value>, onLateUse: OnLateUse | undefined): Promise<TransactionEnding<Value>>;
  /** Sends these statements and COMMIT in one trip. */
  commit(statements: readonly string[], values?: readonly unknown[]): Promise<void>;
  /** Gives the connection back to the pool. No transaction may be open. */
  release(): void;
  /** Rolls back, and gives the connection back; one that is lost, or can't even do that, is closed. Never rejects. */
  rollBack(reason: RollbackReason): Promise<RollbackOutcome>;
}

/** Why a transaction is rolled back. */
export interface RollbackReason {
  /** The failure, if there was one. */
  readonly cause?: unknown;
  /** Whether to find out if the savepoint of the work is still there. */
  readonly checksSavepoint: boolean;
  /** Whether the cause leaves unknown if a COMMIT was executed. */
  readonly isUnknown?: boolean | undefined;
}

/** `escaped`: the savepoint is gone, so the work had ended the transaction that it was given. */
export type RollbackOutcome = "rolled back" | "escaped";

/** The meaning of the errors of a database for a transaction. */
export interface TransactionErrors {
  /** The database rolled it back for the sake of another, and running it again helps. */
  isConflict(error: unknown): boolean;
  /** A COMMIT failed since another has stored the key meanwhile. */
  isTaken(error: unknown): boolean;
  /** A failed COMMIT may have been executed. */
  isUnknownCommit(error: unknown): boolean;
  /** A statement found neither its transaction nor, in another one, its savepoint. */
  hasLostTransaction(error: unknown): boolean;
  /** A statement was refused, since an earlier one had failed and nothing of the transaction can be committed. */
  isAborted(error: unknown): boolean;
  /** The error for a database that is busy, or can't be heard. */
  unavailableError(why: string, cause: unknown): OnceAgainError;
}

/** How a transaction's body ends. */
export type TransactionEnd<Answer> =
  /** By these statements and COMMIT, in one trip. */
  | { readonly answer: Answer; readonly commit: readonly string[]; readonly values?: readonly unknown[] | undefined }
  /** By ROLLBACK; `unawaited` where nothing was done, so that it need not be waited for. */
  | { readonly answer: Answer; readonly rollBack: "awaited" | "unawaited" };

/** The steps of a transaction. */
export interface TransactionPlan<Session, Answer> {
  readonly errors: TransactionErrors;
  /** Takes a connection. `inDoubt`: an earlier run may have been committed. */
  open(inDoubt: boolean): Promise<Session>;
  /** Everything from the first statement to the work. It says how to end, and does not end the transaction itself. */
  body(session: Session, inDoubt: boolean): Promise<TransactionEnd<Answer>>;
  /** Whether `body` finds out by itself if it was executed before. */
  readonly recognizesItself: boolean;
  /** Holds the key, so that it never runs again, after the work ended its own transaction. */
  readonly hold?: (() => Promise<unknown>) | undefined;
}

/**
 * Runs a transaction on its own connection: the same for every database with transactions on many connections. It is
 * run again when the database rolled it back for another's sake; and, where `body` finds out by itself whether it was
 * executed before, when no answer came to the COMMIT: then with `inDoubt`.
 *
 * @throws OnceAgainError `ONCE_HANDLER_FAILED` when the work ended, or broke, the transaction that it was given;
 *   `ONCE_STORE_UNAVAILABLE` when it is unknown whether it was executed; what `open` and `body` throw.
 */
export async function runTransaction<Session extends TransactionSession<unknown>, Answer>(
  plan: TransactionPlan<Session, Answer>,
): Promise<Answer> {
  const { errors } = plan;
  let inDoubt = false;
  for (let run = 1; ; run += 1) {
    const session = await plan.open(inDoubt);
    let end: TransactionEnd<Answer> | undefined;
    try {
      end = await plan.body(session, inDoubt);
      if ("commit" in end) {
        await session.commit(end.commit, end.values);
        session.release();
        return end.answer;
      }
    } catch (cause) {
      const isCommitting = end !== undefined;
      const isUnknown = isCommitting && errors.isUnknownCommit(cause);
      // After a failed COMMIT the savepoint is gone as it should be, unless it was the first thing to fail.
      const checksSavepoint = !isCommitting || errors.isAborted(cause);
      const outcome = session.rollBack({ cause, isUnknown, checksSavepoint });
      const hasEscaped =
        !isUnknown && ((await outcome) === "escaped" || (isCommitting && errors.hasLostTransaction(cause)));
      if (hasEscaped) throw await escapedError(plan.hold, cause);
      const mayRunAgain = isUnknown
        ? plan.recognizesItself
        : errors.isConflict(cause) || (isCommitting && errors.isTaken(cause));
      if (!mayRunAgain || run === runsMax) throw isCommitting ? commitError(errors, cause) : cause;
      inDoubt ||= isUnknown;
      continue;
    }
    const isAwaited = end.rollBack === "awaited";
    const outcome = session.rollBack({ checksSavepoint: isAwaited });
    if (isAwaited && (await outcome) === "escaped") throw await escapedError(plan.hold, undefined);
    return end.answer;
  }
}

/** The work's writes may be committed without its key: the key is held, and the error says so. */
export async function escapedError(
  hold: (() => Promise<unknown>) | undefined,
  cause: unknown,
): Promise<OnceAgainError> {
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
      "COMMIT and ROLLBACK to once-again, and send no statement that commits by itself.",
    { cause },
  );
}

function commitError(errors: TransactionErrors, cause: unknown): unknown {
  if (errors.isUnknownCommit(cause)) {
    return errors.unavailableError("no answer came to a COMMIT, which may have been executed", cause);
  }
  return errors.isAborted(cause) ? abortedError(cause) : cause;
}

/** The error for work that went on after a failure for which nothing of its transaction can be committed. */
export function abortedError(cause?: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_HANDLER_FAILED",
    "The handler went on after one of its statements had failed, and the database rolled its transaction back. Let the " +
      "errors of statements through, or set a savepoint before a statement that may fail. Nothing was executed.",
    { cause },
  );
}

/**
 * Runs a handler's work.
 *
 * @throws what the work throws, and the conflict that it says it failed over: the transaction is then run again.
 */
export async function runWork<Connection, Value>(
  session: TransactionSession<Connection>,
  errors: TransactionErrors,
  work: Work<Connection, Value>,
  onLateUse: OnLateUse | undefined,
): Promise<TransactionEnding<Value>> {
  const ending = await session.run(work, onLateUse);
  if (errors.isConflict(ending.cause)) throw ending.cause;
  return ending;
}

/** The statement that ends the work's savepoint, with what the work did or without. */
export function savepointEnd(keep: "commit" | "answer-only"): string {
  return keep === "commit" ? `RELEASE SAVEPOINT ${savepoint}` : `ROLLBACK TO SAVEPOINT ${savepoint}`;
}

/** How a transaction without a key ends. */
export function unkeyedEnd<Value>({ keep, value }: TransactionEnding<Value>): TransactionEnd<Value> {
  return keep === "commit" ? { answer: value, commit: [savepointEnd(keep)] } : { answer: value, rollBack: "awaited" };
}

/**
 * Whether work that failed with this error may still be at it: its time was over, and the wait for it ended. Its
 * transaction is rolled back, and its handle must refuse whatever it asks for from then on.
 */
export function mayStillRun(error: unknown): boolean {
  return OnceAgainError.isInstance(error, "ONCE_HANDLER_TIMEOUT");
}

/** The end of a step that need not run: it ran before, or its operation is no longer this owner's; else `undefined`. */
export function stepEnd(
  row: KeyRow | undefined,
  { owner, step }: StepRequest,
): TransactionEnd<Uint8Array | undefined> | undefined {
  const record = row && readRow(row);
  if (record?.owner !== owner) return { answer: undefined, rollBack: "unawaited" };
  const checkpoint = record.checkpoints[step];
  if (checkpoint !== undefined) return { answer: checkpoint, rollBack: "unawaited" };
  return record.state === "done" ? { answer: undefined, rollBack: "unawaited" } : undefined;
}

/** A step as work: it has no other end than its commit. */
export function stepWork<Connection>(
  work: (connection: Connection) => Promise<Uint8Array>,
): Work<Connection, undefined> {
  return async (connection) => ({ keep: "commit", result: await work(connection), value: undefined });
}
