import { OnceAgainError } from "../../core/errors.ts";
import type { Attempt, Outcome } from "../attempt.ts";

/** Whether an outcome speaks against the server. */
export type Failed = (outcome: Outcome<unknown>) => boolean;

/** An error does; of answers only one whose HTTP `status` says overload or fault: 429, or from 500 on. */
export const failedByDefault: Failed = (outcome) => {
  const status = statusOf(outcome);
  return "error" in outcome || status === 429 || status >= 500;
};

/** The HTTP status of an answer; 0 for what has none. */
export function statusOf(outcome: Outcome<unknown>): number {
  const status = "value" in outcome ? (outcome.value as { status?: unknown } | null | undefined)?.status : undefined;
  return typeof status === "number" ? status : 0;
}

const heldBack = ["ONCE_CIRCUIT_OPEN", "ONCE_THROTTLED", "ONCE_QUEUE_FULL"] as const;

/**
 * Whether the server failed in an attempt; `undefined` when the outcome says nothing about it, since the caller
 * aborted, or since a layer further in held the call back.
 */
export function judge(outcome: Outcome<unknown>, attempt: Attempt, failed: Failed): boolean | undefined {
  if ("error" in outcome) {
    const { error } = outcome;
    if (heldBack.some((code) => OnceAgainError.isInstance(error, code))) return undefined;
    const { aborted, reason } = attempt.signal;
    if (aborted && !OnceAgainError.isInstance(reason, "ONCE_ATTEMPT_TIMEOUT")) return undefined;
  }
  return failed(outcome);
}
