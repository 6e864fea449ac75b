import { OnceAgainError } from "../../core/errors.ts";
import type { OnLateUse } from "../store.ts";
import { TransactionGuard } from "../sql/transaction-guard.ts";
import { errorNumber } from "./errors.ts";

/** ER_LOCK_TABLE_FULL, ER_LOCK_DEADLOCK: with these errors the server rolls the whole transaction back. */
const rollbackErrors = [1206, 1213];

/** The guard of a transaction in MariaDB, which also knows when the server has rolled it back by itself. */
export class MariadbGuard extends TransactionGuard {
  #isRolledBack = false;

  constructor(isolation: string, onLateUse: OnLateUse | undefined) {
    super("mariadb", isolation, onLateUse);
  }

  /** Whether the server rolled the transaction back over a failure. Nothing was sent after that. */
  get isRolledBack(): boolean {
    return this.#isRolledBack;
  }

  /**
   * @throws OnceAgainError `ONCE_OPERATION_ENDED` after the end; `ONCE_HANDLER_FAILED` when the server has rolled the
   *   transaction back, since what came after would be committed by itself.
   */
  override enter(): void {
    super.enter();
    if (!this.#isRolledBack) return;
    throw new OnceAgainError(
      "ONCE_HANDLER_FAILED",
      "The statement was not sent: the server has rolled the transaction back for another's sake. Let errors of " +
        "statements through, and the handler runs again.",
    );
  }

  /** Looks whether a statement's failure took the transaction with it. */
  noteFailure(error: unknown): void {
    if (rollbackErrors.includes(errorNumber(error) ?? 0)) this.#isRolledBack = true;
  }

  /** The error for a method that would take the connection from the store. */
  refusal(method: string, instead = "Leave it out."): OnceAgainError {
    return new OnceAgainError(
      "ONCE_HANDLER_FAILED",
      `${method} was refused: the connection is the store's, and goes on after this operation. ${instead}`,
    );
  }
}
