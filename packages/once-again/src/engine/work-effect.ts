import { OnceAgainError } from "../core/errors.ts";
import type { Execution } from "./engine.ts";
import { hadNoEffect } from "./execution.ts";

// The effect of work that threw. leased-decisions.ts says how its key is settled then.

/** The effect of work that threw: as the work itself said by `noEffect()`, or else as its error says. */
export function readEffect(error: unknown, execution: Execution<unknown>): "none" | "held" | "unknown" {
  if (hadNoEffect(execution) || OnceAgainError.isInstance(error, "ONCE_NO_EFFECT")) return "none";
  return isHeldError(error) ? "held" : "unknown";
}

/** The errors that this room made: a handler's own call elsewhere may end with the same code, and mean that call. */
const ours = new WeakSet<object>();

/**
 * The error that holds an operation: it can't be known whether it happened, and it must not run again by itself, whatever
 * the route's `onUnknown` says. Throw it in a handler when its call to another service was cut off. The caller is
 * answered 409 with `ONCE_OUTCOME_UNKNOWN`, and so is every repeat, until a person settles the key.
 *
 * @param message for `onError` and logs: what was cut off.
 * @param options its cause, for logs.
 * @example
 * ```ts
 * try {
 *   return await chargeCard(order);
 * } catch (cause) {
 *   throw wasSent(cause) ? heldError("The payment service broke off.") : new NoEffectError("Try again later.");
 * }
 * ```
 */
export function heldError(message: string, options: { readonly cause?: unknown } = {}): OnceAgainError {
  const error = new OnceAgainError("ONCE_OUTCOME_UNKNOWN", message, options);
  ours.add(error);
  return error;
}

function isHeldError(error: unknown): error is OnceAgainError {
  return OnceAgainError.isInstance(error) && ours.has(error);
}

/**
 * The error that an engine gets for work with an unknown outcome. An error of ours, such as that of another function that
 * the work called, means something else inside the work than it would mean here: it becomes the cause.
 *
 * @param subject of the sentence that says so, such as "The function".
 */
export function workFailure(subject: string, error: unknown): unknown {
  if (!OnceAgainError.isInstance(error)) return error;
  return new OnceAgainError("ONCE_HANDLER_FAILED", `${subject} failed: ${error.message}`, { cause: error });
}
