import { OnceAgainError } from "../../core/errors.ts";
import { type GivenTransaction, guardText } from "../nested-transaction.ts";
import type { OnLateUse } from "../store.ts";

/** Decides what of a handler's statements is sent in its transaction, and refuses all of them after its end. */
export class TransactionGuard implements GivenTransaction {
  readonly dialect = "postgres";
  readonly isolation: string;
  /** How many transactions of the handler's own are open inside of it. */
  depth = 0;
  #hasEnded = false;
  readonly #onLateUse: OnLateUse | undefined;

  constructor(isolation: string, onLateUse: OnLateUse | undefined) {
    this.isolation = isolation;
    this.#onLateUse = onLateUse;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  end(): void {
    this.#hasEnded = true;
  }

  /**
   * Judges a text right before it is sent.
   *
   * @param text `undefined` where nobody can tell what will be sent.
   * @returns what is sent instead, one after the other; `undefined` when it is sent as it is.
   * @throws OnceAgainError `ONCE_OPERATION_ENDED` after the end; `ONCE_HANDLER_FAILED` for what would end the transaction.
   */
  admit(text: string | undefined): readonly string[] | undefined {
    if (this.#hasEnded) throw this.#lateUse();
    const guarded = text === undefined ? undefined : guardText(text, this);
    if (guarded === undefined) return undefined;
    if ("refusal" in guarded) throw new OnceAgainError("ONCE_HANDLER_FAILED", guarded.refusal);
    this.depth = guarded.depth;
    return guarded.texts;
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
