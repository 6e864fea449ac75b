import { OnceAgainError } from "../../core/errors.ts";

/**
 * Whether work that failed with this error may still be at it: its time was over, and nobody waited any longer. Its
 * transaction is rolled back, and its handle must refuse whatever it asks for from then on.
 */
export function mayStillRun(error: unknown): boolean {
  return OnceAgainError.isInstance(error, "ONCE_HANDLER_TIMEOUT");
}
