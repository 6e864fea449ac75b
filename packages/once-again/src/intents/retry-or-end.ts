import type { ErrorCode } from "../core/error-codes.ts";
import { OnceAgainError } from "../core/errors.ts";
import { errorVerdict } from "../delivery/index.ts";
import type { IntentAnswer, IntentOutcome } from "../stores/intent-store.ts";
import { decideOn, type Failure, failureOf, provesNoEffect } from "../client/should-retry.ts";
import { responseHeaders } from "./stored-response.ts";

/** An answer, and whether it is that of another request, to which a redirect led. */
export interface FinalAnswer {
  readonly answer: IntentAnswer;
  readonly redirected: boolean;
}

/** How one sending ended: with the last answer, or with an error. */
export type SendingEnd = FinalAnswer | { readonly error: unknown };

/** How one sending ended, and what it leaves open. */
export type SentIntent = SendingEnd & {
  /** Whether an attempt may have had the effect, now or earlier. */
  readonly inDoubt: boolean;
  /** Whether it may be sent again all the same: its server is known to honour keys, or its method is idempotent. */
  readonly isRepeatable: boolean;
};

/** The next step of an intent, decided by the outcome of an attempt. */
export type SendingDecision =
  | { readonly action: "end"; readonly outcome: IntentOutcome }
  /** `delayMsMin`: what the server asked for, milliseconds. */
  | { readonly action: "postpone"; readonly delayMsMin: number };

/** Statuses that complain of the credentials, which are others at the next sending. */
const credentialStatuses: ReadonlySet<number> = new Set([401, 407]);

/**
 * Decides about an intent after a sending.
 *
 * @param sent.inDoubt whether an attempt may have had the effect, of this sending or of an earlier one. While that is so, a
 *   refusal does not prove that nothing happened, unless it is the stored response to that very attempt.
 * @param sent.isRepeatable whether it may be sent again while it is in doubt.
 */
export function decideAfterSending(
  end: SendingEnd,
  { inDoubt, isRepeatable }: Pick<SentIntent, "inDoubt" | "isRepeatable">,
  nowMs: number,
): SendingDecision {
  const isHeld = inDoubt && !isRepeatable;
  if ("error" in end) {
    if (isHeld) return endWith({ state: "unknown", why: "keys" });
    if (!inDoubt && isUnsendable(end.error)) return endWith({ state: "failed", why: "unsendable" });
    return { action: "postpone", delayMsMin: Math.max(0, retryAtOf(end.error) - nowMs) };
  }
  const { answer } = end;
  const failure = failureIn(end, nowMs);
  if (failure === undefined) return endWith({ state: "done", answer });
  if (!isHeld && (decideOn(failure, true).action === "retry" || credentialStatuses.has(answer.status))) {
    return { action: "postpone", delayMsMin: failure.delayMsMin ?? 0 };
  }
  const isReplay = responseHeaders(answer).get("Idempotent-Replayed") === "true";
  const isSure = isReplay ? answer.status < 500 : !inDoubt && provesNoEffect(failure);
  return endWith({ state: isSure ? "failed" : "unknown", why: "answered", answer });
}

/** The outcome of an intent that has no time left. */
export function overdueOutcome(inDoubt: boolean): IntentOutcome {
  return { state: inDoubt ? "unknown" : "failed", why: "time" };
}

/** Whether an attempt surely had no effect. */
export function hadNoEffect(end: SendingEnd, nowMs: number): boolean {
  const failure = "error" in end ? failureOf(end, nowMs) : failureIn(end, nowMs);
  return failure !== undefined && provesNoEffect(failure);
}

/**
 * Whether the same request fails in the same way whenever it is sent. Who gave up trying, `retryingFetch` or one like it
 * below, did so over failures that pass.
 */
function isUnsendable(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (OnceAgainError.isInstance(at) && gaveUpCodes.has(at.code)) return false;
  }
  return !errorVerdict(error).transient;
}

const gaveUpCodes: ReadonlySet<ErrorCode> = new Set([
  "ONCE_ATTEMPTS_EXHAUSTED",
  "ONCE_BUDGET_EXHAUSTED",
  "ONCE_DEADLINE_EXCEEDED",
  "ONCE_OUTCOME_UNKNOWN",
]);

function failureIn({ answer, redirected }: FinalAnswer, nowMs: number): Failure | undefined {
  const value = { status: answer.status, headers: responseHeaders(answer), redirected };
  return failureOf({ value }, nowMs);
}

function endWith(outcome: IntentOutcome): SendingDecision {
  return { action: "end", outcome };
}

/** When the server said that it makes sense to ask again; 0 when it did not. */
function retryAtOf(error: unknown): number {
  const retryAt = OnceAgainError.isInstance(error) ? error.details["retryAt"] : undefined;
  return typeof retryAt === "number" ? retryAt : 0;
}
