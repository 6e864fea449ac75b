import { OnceAgainError } from "../core/errors.ts";

/** The errors that this room made: a handler's own call elsewhere may end with the same code, and mean that call. */
const ours = new WeakSet<object>();

/** The error that holds an operation: nobody can tell whether it happened, and it must not run again by itself. */
export function heldError(message: string): OnceAgainError {
  const error = new OnceAgainError("ONCE_OUTCOME_UNKNOWN", message);
  ours.add(error);
  return error;
}

export function isHeldError(error: unknown): error is OnceAgainError {
  return OnceAgainError.isInstance(error) && ours.has(error);
}
