import { OnceAgainError } from "../../core/errors.ts";
import { type ControlStatement, type SqlDialect, type TransactionControl, transactionControls } from "./sql-control.ts";
import type { OnLateUse } from "../store.ts";

/** Decides what of a handler's statements is sent in its transaction, and refuses all of them after its end. */
export class TransactionGuard implements GivenTransaction {
  readonly dialect: SqlDialect;
  readonly isolation: string | undefined;
  /** How many transactions of the handler's own are open inside of it. */
  depth = 0;
  #hasEnded = false;
  readonly #onLateUse: OnLateUse | undefined;

  constructor(dialect: SqlDialect, isolation: string | undefined, onLateUse: OnLateUse | undefined) {
    this.dialect = dialect;
    this.isolation = isolation?.toUpperCase();
    this.#onLateUse = onLateUse;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** From now on every use is refused. */
  end(): void {
    this.#hasEnded = true;
  }

  /**
   * Asks for leave to use the connection.
   *
   * @throws OnceAgainError `ONCE_OPERATION_ENDED` after the end.
   */
  enter(): void {
    if (this.#hasEnded) throw lateUse(this.#onLateUse);
  }

  /**
   * Judges a text right before it is sent.
   *
   * @param text `undefined` where it is unknown which text will be sent.
   * @returns what is sent instead, one after the other; `undefined` when it is sent as it is.
   * @throws OnceAgainError as `enter`; `ONCE_HANDLER_FAILED` for what would end the transaction.
   */
  admit(text: string | undefined): readonly string[] | undefined {
    this.enter();
    const instead = text === undefined ? undefined : this.judge(text);
    if (instead === undefined) return undefined;
    this.depth = instead.depth;
    return instead.texts;
  }

  protected judge(text: string): Exclude<GuardedText, { refusal: string }> | undefined {
    const guarded = guardText(text, this);
    if (guarded !== undefined && "refusal" in guarded) {
      throw new OnceAgainError("ONCE_HANDLER_FAILED", guarded.refusal);
    }
    return guarded;
  }
}

/** Reports the use of a transaction after its end, and makes the error of it. */
export function lateUse(onLateUse: OnLateUse | undefined): OnceAgainError {
  const error = new OnceAgainError(
    "ONCE_OPERATION_ENDED",
    "The transaction was used after its operation had ended; nothing was executed. Wait for every write before " +
      "the handler answers or throws.",
  );
  onLateUse?.(error);
  return error;
}

/** The texts that replace one of the handler's. */
export type GuardedText =
  /** These are sent instead, one after the other; the answer to the first is the handler's. */
  | { readonly texts: readonly string[]; readonly depth: number }
  /** Nothing is sent; `refusal` says why, and what to do instead. */
  | { readonly refusal: string };

/** The transaction that a handler was given. */
export interface GivenTransaction {
  readonly dialect: SqlDialect;
  /** How many transactions of the handler's own are open inside of it. */
  readonly depth: number;
  /** Its isolation, in capitals: a nested transaction may ask for this one. */
  readonly isolation?: string | undefined;
}

/** Our own savepoints; a handler has no business with them. */
const ownNames = /^once_again/i;

/**
 * Judges a text that a handler sends in its transaction. A BEGIN becomes a savepoint, and the COMMIT or ROLLBACK that
 * belongs to it ends that savepoint, so that `transaction()` of an ORM works. What would end the transaction itself is
 * refused.
 *
 * @returns `undefined` for a text that is sent as it is.
 */
export function guardText(text: string, transaction: GivenTransaction): GuardedText | undefined {
  const controls = transactionControls(text, transaction.dialect);
  if (controls.length === 0) return undefined;
  let { depth } = transaction;
  const parts: string[] = [];
  let texts: readonly string[] = [];
  let from = 0;
  for (const { control, start, end } of controls) {
    const refusal = refusalOf(control, depth, transaction);
    if (refusal !== undefined) return { refusal };
    texts = insteadOf(control, depth) ?? [text.slice(start, end)];
    if (control.kind === "begin") depth += 1;
    if (control.kind === "commit" || control.kind === "rollback") depth -= 1;
    parts.push(text.slice(from, start), texts.join("; "));
    from = end;
  }
  const [only] = controls;
  const isAlone = controls.length === 1 && isOnlyStatement(text, only!);
  return { texts: isAlone ? texts : [parts.join("") + text.slice(from)], depth };
}

/** The statements that a nested BEGIN, COMMIT or ROLLBACK stands for; others are sent as they are. */
function insteadOf({ kind }: TransactionControl, depth: number): readonly string[] | undefined {
  if (kind === "begin") return [`SAVEPOINT ${nestedName(depth + 1)}`];
  if (kind === "commit") return [`RELEASE SAVEPOINT ${nestedName(depth)}`];
  if (kind === "rollback")
    return [`ROLLBACK TO SAVEPOINT ${nestedName(depth)}`, `RELEASE SAVEPOINT ${nestedName(depth)}`];
  return undefined;
}

function nestedName(depth: number): string {
  return `once_again_nested_${depth}`;
}

function refusalOf(control: TransactionControl, depth: number, { isolation }: GivenTransaction): string | undefined {
  switch (control.kind) {
    case "begin":
      return isGiven(control.modes, isolation)
        ? undefined
        : `BEGIN ${control.modes} was not sent: a nested transaction is a savepoint, and has the modes of the transaction around it. Set the store's option \`isolation\`, and leave the modes out here.`;
    case "commit":
      return depth > 0
        ? undefined
        : "COMMIT was not sent: once-again commits this transaction, together with its key, once the handler has answered. Leave it out.";
    case "rollback":
      return depth > 0
        ? undefined
        : "ROLLBACK was not sent: once-again rolls this transaction back when the handler throws, or answers 400 or more. Throw instead.";
    case "implicit-commit":
      return `${control.words} was not sent: it commits the transaction by itself, without its key. Run it elsewhere, before the handler or on another connection.`;
    case "other-end":
      return `${control.words} was not sent: once-again ends this transaction, together with its key. Leave it out.`;
    default:
      return ownNames.test(control.name)
        ? `The savepoint ${control.name} is once-again's own. Use another name.`
        : undefined;
  }
}

/** Whether a nested transaction asks for nothing that the one around it does not have. */
function isGiven(modes: string, isolation: string | undefined): boolean {
  return modes
    .split(",")
    .map((mode) => mode.trim())
    .every((mode) =>
      ["", "DEFERRED", "IMMEDIATE", "EXCLUSIVE", "READ WRITE", `ISOLATION LEVEL ${isolation}`].includes(mode),
    );
}

function isOnlyStatement(text: string, { start, end }: ControlStatement): boolean {
  return !/[^\s;]/.test(text.slice(0, start) + text.slice(end));
}
