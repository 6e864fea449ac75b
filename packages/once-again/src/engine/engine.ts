import type { Work } from "./execution.ts";
import type { OnceOperation, Outcome } from "./outcome.ts";

/** Carries each operation out once, whatever its transport: HTTP rules and brokers are built on it. */
export interface Engine<Transaction> {
  /**
   * Runs the work of one operation, unless it ran before or runs now.
   *
   * @throws OnceAgainError `ONCE_STORE_UNAVAILABLE` when the store fails before the work: nothing happened.
   *   `ONCE_RESULT_UNCONFIRMED` when it fails after the work, `ONCE_HANDLER_TIMEOUT` when the work takes longer than
   *   `handlerMsMax`: a repeat with the same key finds out. `ONCE_CLOSED` once `close` was called.
   */
  run(operation: OnceOperation, work: Work<Transaction>): Promise<Outcome>;
  /** Runs the work of a request that brought no key: as often as it is sent. */
  runUnkeyed(scope: string, work: Work<Transaction>): Promise<Uint8Array>;
  /**
   * Takes no new operations, and resolves when the running ones have ended, and what the store had not confirmed yet is
   * settled, or twice `storeMsMax` have passed. The store stays open.
   */
  close(): Promise<void>;
}
