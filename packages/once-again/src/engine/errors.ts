import { OnceAgainError } from "../core/errors.ts";

/**
 * Thrown by a handler that knows that nothing happened: the key is released, and a retry runs afresh.
 *
 * A handler that throws anything else leaves the outcome unknown.
 *
 * @example
 * ```ts
 * if (stock === 0) throw new NoEffectError("Sold out for the moment. Try again later.");
 * ```
 */
export class NoEffectError extends OnceAgainError {
  /** @param message goes to the caller, as the `detail` of the answer. */
  constructor(message: string, options: { cause?: unknown } = {}) {
    super("ONCE_NO_EFFECT", message, options);
    this.name = "NoEffectError";
  }
}

/** What `execution.signal` aborts with when its operation ended otherwise than done: the handler may be at work still. */
export function operationEndedError(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_OPERATION_ENDED",
    "This operation was answered with a failure, so its handler must not go on: whatever it does from now on, nobody " +
      "keeps a record of, and another attempt may be at it.",
  );
}

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
