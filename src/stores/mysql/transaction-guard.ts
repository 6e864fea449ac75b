import { OnceAgainError } from "../../core/errors.ts";
import { type GivenTransaction, guardText } from "../nested-transaction.ts";
import type { OnLateUse } from "../store.ts";
import { errorNumber } from "./errors.ts";

/** ER_LOCK_TABLE_FULL, ER_LOCK_DEADLOCK: with these errors the server rolls the whole transaction back. */
const undoing = [1206, 1213];

/** Decides what of a handler's statements is sent in its transaction, and refuses all of them after its end. */
export class TransactionGuard implements GivenTransaction {
  readonly dialect = "mariadb";
  readonly isolation: string;
  /** How many transactions of the handler's own are open inside of it. */
  depth = 0;
  #hasEnded = false;
  #undone = false;
  readonly #onLateUse: OnLateUse | undefined;

  constructor(isolation: string, onLateUse: OnLateUse | undefined) {
    this.isolation = isolation.toUpperCase();
    this.#onLateUse = onLateUse;
  }

  /** Whether the server rolled the transaction back over a failure. Nothing was sent after that. */
  get undone(): boolean {
    return this.#undone;
  }

  end(): void {
    this.#hasEnded = true;
  }

  /**
   * Asks for leave to use the connection.
   *
   * @throws OnceAgainError `ONCE_OPERATION_ENDED` after the end; `ONCE_HANDLER_FAILED` when the server has rolled the
   *   transaction back, since what came after would be committed by itself.
   */
  enter(): void {
    if (this.#hasEnded) throw this.#lateUse();
    if (!this.#undone) return;
    throw new OnceAgainError(
      "ONCE_HANDLER_FAILED",
      "The statement was not sent: the server has rolled the transaction back for another's sake. Let errors of " +
        "statements through, and the handler runs again.",
    );
  }

  /**
   * Judges a text right before it is sent.
   *
   * @returns what is sent instead, one after the other; `undefined` when it is sent as it is.
   * @throws OnceAgainError as `enter`; `ONCE_HANDLER_FAILED` for what would end the transaction.
   */
  admit(text: string | undefined): readonly string[] | undefined {
    this.enter();
    const guarded = text === undefined ? undefined : guardText(text, this);
    if (guarded === undefined) return undefined;
    if ("refusal" in guarded) throw new OnceAgainError("ONCE_HANDLER_FAILED", guarded.refusal);
    this.depth = guarded.depth;
    return guarded.texts;
  }

  /** Looks whether a statement's failure took the transaction with it. */
  noteFailure(error: unknown): void {
    if (undoing.includes(errorNumber(error) ?? 0)) this.#undone = true;
  }

  /** The error for a method that would take the connection from the store. */
  refusal(method: string, instead = "Leave it out."): OnceAgainError {
    return new OnceAgainError(
      "ONCE_HANDLER_FAILED",
      `${method} was refused: the connection is the store's, and goes on after this operation. ${instead}`,
    );
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
