import type { DatabaseSync } from "node:sqlite";
import { OnceAgainError } from "../../core/errors.ts";
import type { OnLateUse } from "../store.ts";
import { TransactionGuard } from "../sql/transaction-guard.ts";

/** What a handler may leave open on the connection, such as rows that it has not read to their end. */
export interface Closable {
  close(): void;
}

/** Stands between the connection and whatever a handler holds of it: a transaction, its statements and their rows. */
export class SqliteGuard extends TransactionGuard {
  readonly database: DatabaseSync;
  readonly #open = new Set<Closable>();
  #isRolledBack = false;

  constructor(database: DatabaseSync, onLateUse: OnLateUse | undefined) {
    super("sqlite", undefined, onLateUse);
    this.database = database;
  }

  /** Whether SQLite rolled the transaction back over a failure. Nothing was carried out after that. */
  get isRolledBack(): boolean {
    return this.#isRolledBack;
  }

  /**
   * @throws OnceAgainError `ONCE_OPERATION_ENDED` after the end; `ONCE_HANDLER_FAILED` when SQLite has rolled the
   *   transaction back, since what came after would be committed by itself.
   */
  override enter(): void {
    super.enter();
    if (this.database.isTransaction) return;
    throw new OnceAgainError(
      "ONCE_HANDLER_FAILED",
      "The statement was not sent: the transaction is over, as SQLite rolls it back after some failures. Let errors of " +
        "statements through.",
    );
  }

  /** Looks whether a use that failed took the transaction with it. */
  leave(hasFailed: boolean): void {
    if (hasFailed && !this.database.isTransaction) this.#isRolledBack = true;
  }

  /** Carries a text out. The handler's own BEGIN, COMMIT and ROLLBACK are savepoints. */
  exec(text: string): void {
    this.enter();
    const instead = this.judge(text);
    if (instead === undefined) return this.#send(text);
    for (const part of instead.texts) this.#send(part);
    this.depth = instead.depth;
  }

  /** Closes something of the handler's when the operation ends, unless it was closed before. */
  keep(closable: Closable): void {
    this.#open.add(closable);
  }

  forget(closable: Closable): void {
    this.#open.delete(closable);
  }

  /** From now on every use is refused. Rows under way would keep the transaction from its end. */
  override end(): void {
    super.end();
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
}
