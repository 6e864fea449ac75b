import type { ErrorCode } from "../core/error-codes.ts";
import { OnceAgainError } from "../core/errors.ts";
import type { Outcome } from "./attempt.ts";
import type { FailureKind } from "./budgets/budget.ts";

/** The decision after an attempt, as data. */
export type Decision =
  /** This outcome is the result: the value is returned, an error is rethrown as it is. */
  | { readonly action: "done" }
  /** Try again, if attempts, deadline and budget allow. */
  | {
      readonly action: "retry";
      /**
       * The least time to wait, in milliseconds, such as a server's `Retry-After`. The backoff's delay bounds a random
       * part that is added to it, so that callers with the same `Retry-After` do not return together.
       */
      readonly delayMsMin?: number | undefined;
      /** The kind of failure that budgets charge for; default `transient`. */
      readonly kind?: FailureKind | undefined;
      /** For the events: what the retry is for. */
      readonly why?: string | undefined;
      /** The attempt never left this machine, so that the next one costs nothing of a budget. Default `false`. */
      readonly free?: boolean | undefined;
      /**
       * No attempt of this call, this one included, had an effect. When a limit ends the call here, its error says so
       * (`details.noEffect`), and the caller may rely on that. Default `false`.
       */
      readonly noEffect?: boolean | undefined;
    }
  /** Give up: a value is returned, an error is rethrown as it is. */
  | { readonly action: "stop"; readonly why: string };

/** Looks at an outcome and decides, at once. `attempt` is the number of the attempt that ended, 1-based. */
export type Decide<T> = (outcome: Outcome<T>, attempt: number) => Decision;

/** The least delay that an error of ours names: a circuit breaker knows when it lets a probe through. */
export function retryAfterOf(error: unknown): number | undefined {
  if (!OnceAgainError.isInstance(error)) return undefined;
  const { retryAfterMs } = error.details;
  // One that stays open for ever names no time to come back.
  return Number.isFinite(retryAfterMs) ? (retryAfterMs as number) : undefined;
}

/** Codes of our own errors after which another attempt may succeed. */
const transientCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "ONCE_ATTEMPT_TIMEOUT",
  "ONCE_IN_PROGRESS",
  "ONCE_NO_EFFECT",
  "ONCE_RESULT_UNCONFIRMED",
  "ONCE_STORE_UNAVAILABLE",
  "ONCE_CLOSED",
  "ONCE_CIRCUIT_OPEN",
  "ONCE_THROTTLED",
  "ONCE_QUEUE_FULL",
]);

// Made once, since they are handed out by every call.
const doneDecision: Decision = { action: "done" };
const retryDecision: Decision = { action: "retry" };

/** The errors with which layers refuse to make an attempt. */
const heldBackCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "ONCE_CIRCUIT_OPEN",
  "ONCE_THROTTLED",
  "ONCE_QUEUE_FULL",
]);

/** Whether an error says that a layer held the attempt back, so that it never left. */
export function isHeldBack(error: unknown): boolean {
  return OnceAgainError.isInstance(error) && heldBackCodes.has(error.code);
}

/**
 * The default decision: a value is the result, an error is tried again.
 *
 * Of the errors of this library, only the transient ones are. The others either can't get better, or come from a retry
 * inside this one that has given up already: retrying those multiplies attempts instead of adding them.
 * Which of your own errors are worth a retry (a programming error is not) only you know: say it with `decide`.
 */
export function decideByDefault(outcome: Outcome<unknown>): Decision {
  if ("value" in outcome) return doneDecision;
  const { error } = outcome;
  if (!OnceAgainError.isInstance(error)) return retryDecision;
  if (!transientCodes.has(error.code)) return { action: "stop", why: "permanent" };
  return { action: "retry", delayMsMin: retryAfterOf(error), free: heldBackCodes.has(error.code) };
}
