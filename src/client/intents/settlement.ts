import { OnceAgainError } from "../../core/errors.ts";
import { errorVerdict } from "../../delivery/index.ts";
import type { IntentAnswer, IntentOutcome } from "../../stores/intent-store.ts";
import { decideOn, type Failure, failureOf, provesNoEffect } from "../retry-rule.ts";
import { answerHeaders } from "./kept-answer.ts";

/** How one sending ended: with the last answer, or with an error. */
export type SendingEnd = { readonly answer: IntentAnswer } | { readonly error: unknown };

/** What becomes of an intent after that. */
export type Settlement =
  | { readonly action: "end"; readonly outcome: IntentOutcome }
  /** `delayMsMin`: what the server asked for, milliseconds. */
  | { readonly action: "postpone"; readonly delayMsMin: number };

/** Statuses that complain of the credentials, which are others at the next sending. */
const credentials: ReadonlySet<number> = new Set([401, 407]);

/**
 * Decides about an intent after a sending.
 *
 * @param inDoubt whether an attempt may have had the effect, of this sending or of an earlier one. While that is so, a
 *   refusal does not prove that nothing happened, unless it is the kept answer to that very attempt.
 */
export function settlement(end: SendingEnd, inDoubt: boolean, nowMs: number): Settlement {
  if ("error" in end) {
    if (!inDoubt && !errorVerdict(end.error).transient) return ended({ state: "failed", why: "unsendable" });
    return { action: "postpone", delayMsMin: Math.max(0, retryAtOf(end.error) - nowMs) };
  }
  const { answer } = end;
  const failure = failureIn(answer, nowMs);
  if (failure === undefined) return ended({ state: "done", answer });
  if (decideOn(failure, true).action === "retry" || credentials.has(answer.status)) {
    return { action: "postpone", delayMsMin: failure.delayMsMin ?? 0 };
  }
  const isRefusal = answer.status < 500;
  const isKept = answerHeaders(answer).get("Idempotent-Replayed") === "true";
  const isSure = isRefusal && (!inDoubt || isKept);
  return ended({ state: isSure ? "failed" : "unknown", why: "answered", answer });
}

/** What becomes of an intent whose time is over. */
export function overdue(inDoubt: boolean): IntentOutcome {
  return { state: inDoubt ? "unknown" : "failed", why: "time" };
}

/** Whether an attempt surely had no effect. */
export function hadNoEffect(end: SendingEnd, nowMs: number): boolean {
  const failure = "error" in end ? failureOf(end, nowMs) : failureIn(end.answer, nowMs);
  return failure !== undefined && provesNoEffect(failure);
}

function failureIn(answer: IntentAnswer, nowMs: number): Failure | undefined {
  const value = { status: answer.status, headers: answerHeaders(answer), redirected: false };
  return failureOf({ value }, nowMs);
}

function ended(outcome: IntentOutcome): Settlement {
  return { action: "end", outcome };
}

/** When the server said that it makes sense to ask again; 0 when it did not. */
function retryAtOf(error: unknown): number {
  const retryAt = OnceAgainError.isInstance(error) ? error.details["retryAt"] : undefined;
  return typeof retryAt === "number" ? retryAt : 0;
}
