import { OnceAgainError } from "../../core/errors.ts";
import { requireBoolean } from "../../core/options.ts";
import type { Attempt, Outcome } from "../attempt.ts";
import { isHeldBack } from "../decision.ts";

/** Whether an outcome counts as a failure of the server. */
export type IsFailure = (outcome: Outcome<unknown>) => boolean;

/** Errors are failures; of other values only one with an HTTP `status` that says overload or fault: 429, or from 500 on. */
export const isFailureByDefault: IsFailure = (outcome) => {
  const status = statusOf(outcome);
  return "error" in outcome || status === 429 || status >= 500;
};

/** The HTTP status of an answer; 0 for what has none. */
export function statusOf(outcome: Outcome<unknown>): number {
  const status = "value" in outcome ? (outcome.value as { status?: unknown } | null | undefined)?.status : undefined;
  return typeof status === "number" ? status : 0;
}

/**
 * A predicate of the caller's. Where that throws, the outcome counts as a failure, so that no call hangs.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` where it returns anything but true or false. The operation has been executed then.
 */
export function guardIsFailure(isFailure: IsFailure): IsFailure {
  return (outcome) => {
    let hasFailed: unknown;
    try {
      hasFailed = isFailure(outcome);
    } catch {
      return true;
    }
    return requireBoolean("isFailure()", hasFailed);
  };
}

/**
 * Whether the server failed in an attempt; `undefined` when the outcome says nothing about it, since the caller
 * aborted, or since a layer further in held the call back.
 */
export function judge(outcome: Outcome<unknown>, attempt: Attempt, isFailure: IsFailure): boolean | undefined {
  if ("error" in outcome) {
    if (isHeldBack(outcome.error)) return undefined;
    const { aborted, reason } = attempt.signal;
    if (aborted && !isTimeout(reason)) return undefined;
  }
  return isFailure(outcome);
}

/** Whether a signal aborted because time was over: ours or `AbortSignal.timeout`, not an abort by the caller. */
function isTimeout(reason: unknown): boolean {
  if (OnceAgainError.isInstance(reason, "ONCE_ATTEMPT_TIMEOUT")) return true;
  return typeof reason === "object" && reason !== null && (reason as { name?: unknown }).name === "TimeoutError";
}
