import { OnceAgainError } from "../../core/errors.ts";
import { type GivenTransaction, type GuardedText, guardText } from "./nested-transaction.ts";
import type { SqlDialect } from "./statements.ts";
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
    if (this.#hasEnded) throw this.#lateUse();
  }

  /**
   * Judges a text right before it is sent.
   *
   * @param text `undefined` where nobody can tell what will be sent.
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

  #lateUse(): OnceAgainError {
    const error = new OnceAgainError(
      "ONCE_OPERATION_ENDED",
      "The transaction was used after its operation had ended; nothing was carried out. Wait for every write before " +
        "the handler answers or throws.",
    );
    this.#onLateUse?.(error);
    return error;
  }
}
