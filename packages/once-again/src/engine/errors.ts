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

/** The reason of `execution.signal` when its operation ended without success: the handler may still be at work. */
export function operationEndedError(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_OPERATION_ENDED",
    "This operation was answered with a failure, so its handler must not go on: whatever it does from now on, nobody " +
      "keeps a record of, and another attempt may be at it.",
  );
}

/** The error for a store that failed before the work ran; its own error is the cause. */
export function storeUnavailableError(cause: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_STORE_UNAVAILABLE",
    "The store of idempotency keys does not answer. Send the request again later, with the same key.",
    { cause },
  );
}

/** The error for a store that failed after the work ran, which may have had its effect; its own error is the cause. */
export function resultUnconfirmedError(cause: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_RESULT_UNCONFIRMED",
    "The operation may have been carried out, but the store did not confirm its result. Send the request again with the " +
      "same key to learn its outcome; without a key, look the effect up.",
    { cause },
  );
}

/** The errors that this room made: a handler's own call elsewhere may end with the same code, and mean that call. */
const ours = new WeakSet<object>();

/**
 * The error that holds an operation: it can't be known whether it happened, and it must not run again by itself, whatever
 * the route's `onUnknown` says. Throw it in a handler whose effect is elsewhere, and whose call was cut off. The caller is
 * answered 409 with `ONCE_OUTCOME_UNKNOWN`, and so is every repeat, until a person settles the key.
 *
 * @param message for `onError` and logs: what was cut off.
 * @example
 * ```ts
 * try {
 *   return await chargeCard(order);
 * } catch (cause) {
 *   throw wasSent(cause) ? heldError("The payment service broke off.") : new NoEffectError("Try again later.");
 * }
 * ```
 */
export function heldError(message: string): OnceAgainError {
  const error = new OnceAgainError("ONCE_OUTCOME_UNKNOWN", message);
  ours.add(error);
  return error;
}

export function isHeldError(error: unknown): error is OnceAgainError {
  return OnceAgainError.isInstance(error) && ours.has(error);
}
