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
  /** Whether a success is another request's, such as a sign-in page: it proves nothing of this one. */
  readonly isForeign: boolean;
  /** Whether another attempt would bring the same: the redirect is the stored response to this key. */
  readonly isLasting: boolean;
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

/** The facts of a sending by which it is judged. */
interface SentFacts extends Pick<SentIntent, "inDoubt" | "isRepeatable"> {
  /** Whether its key is derived from a seed, so that another life, or another device, may have sent it before. */
  readonly isSeeded?: boolean | undefined;
}

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
 * @param sent.isSeeded whether its key is derived from a seed. Default `false`.
 */
export function decideAfterSending(
  end: SendingEnd,
  { inDoubt, isRepeatable, isSeeded = false }: SentFacts,
  nowMs: number,
): SendingDecision {
  const isHeld = inDoubt && !isRepeatable;
  if ("error" in end) {
    if (isHeld) return endWith({ state: "unknown", why: "keys" });
    if (!inDoubt && isUnsendable(end.error)) return endWith({ state: "failed", why: "unsendable" });
    return { action: "postpone", delayMsMin: Math.max(0, retryAtOf(end.error) - nowMs) };
  }
  const { answer } = end;
  if (end.isForeign) {
    // The session may be another at the next sending, or the network.
    if (isRepeatable && !end.isLasting) return { action: "postpone", delayMsMin: 0 };
    return endWith({ state: "unknown", why: "answered", answer });
  }
  const failure = failureIn(end, nowMs);
  if (failure === undefined) return endWith({ state: "done", answer });
  if (!isHeld && (decideOn(failure, true).action === "retry" || credentialStatuses.has(answer.status))) {
    return { action: "postpone", delayMsMin: failure.delayMsMin ?? 0 };
  }
  // Where the key may be an earlier life's, its use for another request is no news of this one's effect.
  const isReused = isSeeded && answer.status === 422;
  const isSure = isReplayed(answer) ? answer.status < 500 : !inDoubt && !isReused && provesNoEffect(failure);
  return endWith({ state: isSure ? "failed" : "unknown", why: "answered", answer });
}

/** Whether an answer is the stored one of the operation that the key names. */
export function isReplayed(answer: IntentAnswer): boolean {
  return responseHeaders(answer).get("Idempotent-Replayed") === "true";
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

function failureIn(
  { answer, redirected }: Pick<FinalAnswer, "answer" | "redirected">,
  nowMs: number,
): Failure | undefined {
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
