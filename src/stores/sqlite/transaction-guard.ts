import type { DatabaseSync } from "node:sqlite";
import { OnceAgainError } from "../../core/errors.ts";
import { guardText } from "../nested-transaction.ts";
import type { OnLateUse } from "../store.ts";

/** What a handler may leave open on the connection, such as rows that it has not read to their end. */
export interface Closable {
  close(): void;
}

/** Stands between the connection and whatever a handler holds of it: a transaction, its statements and their rows. */
export class TransactionGuard {
  readonly database: DatabaseSync;
  readonly #onLateUse: OnLateUse | undefined;
  readonly #open = new Set<Closable>();
  #depth = 0;
  #hasEnded = false;
  #undone = false;

  constructor(database: DatabaseSync, onLateUse: OnLateUse | undefined) {
    this.database = database;
    this.#onLateUse = onLateUse;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether SQLite rolled the transaction back over a failure. Nothing was carried out after that. */
  get undone(): boolean {
    return this.#undone;
  }

  /**
   * Asks for leave to use the connection.
   *
   * @throws OnceAgainError `ONCE_OPERATION_ENDED` after the end; `ONCE_HANDLER_FAILED` when SQLite has rolled the
   *   transaction back, since what came after would be committed by itself.
   */
  enter(): void {
    if (this.#hasEnded) throw this.#lateUse();
    if (this.database.isTransaction) return;
    throw new OnceAgainError(
      "ONCE_HANDLER_FAILED",
      "The statement was not sent: the transaction is over, as SQLite rolls it back after some failures. Let errors of " +
        "statements through.",
    );
  }

  /** Looks whether a use that failed took the transaction with it. */
  leave(hasFailed: boolean): void {
    if (hasFailed && !this.database.isTransaction) this.#undone = true;
  }

  /** Carries a text out. The handler's own BEGIN, COMMIT and ROLLBACK are savepoints. */
  exec(text: string): void {
    this.enter();
    const guarded = guardText(text, { dialect: "sqlite", depth: this.#depth });
    if (guarded === undefined) return this.#send(text);
    if ("refusal" in guarded) throw new OnceAgainError("ONCE_HANDLER_FAILED", guarded.refusal);
    for (const part of guarded.texts) this.#send(part);
    this.#depth = guarded.depth;
  }

  /** Closes something of the handler's when the operation ends, unless it was closed before. */
  keep(closable: Closable): void {
    this.#open.add(closable);
  }

  forget(closable: Closable): void {
    this.#open.delete(closable);
  }

  /** From now on every use is refused. Rows under way would keep the transaction from its end. */
  end(): void {
    this.#hasEnded = true;
    for (const closable of this.#open) closable.close();
    this.#open.clear();
  }

  #send(text: string): void {
    let hasFailed = true;
    try {
      this.database.exec(text);
      hasFailed = false;
    } finally {
      // Of several statements, one may have ended the transaction before another failed.
      this.leave(hasFailed && !text.includes(";"));
    }
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
