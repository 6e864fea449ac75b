import { errorVerdict, parseRetryAfter, statusVerdict, type Verdict, waitHint } from "../delivery/index.ts";
import { retryAfterOf } from "../retry/decision.ts";
import type { Decision, Outcome } from "../retry/index.ts";

/** What the rule looks at of an answer. A `Response` fits, and so does what another HTTP client makes of its own. */
export interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  /** Whether it is the answer to another request, to which a redirect led. */
  readonly redirected: boolean;
}

/** A failed attempt. */
export interface Failure<Answered extends Answer = Answer> {
  readonly verdict: Verdict;
  /** The answer; missing when there was none. */
  readonly response?: Answered;
  /** What `Retry-After` asks for, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** How long not to ask again, in milliseconds: what `Retry-After`, a rate limit or an open circuit breaker says. */
  readonly delayMsMin?: number | undefined;
}

/** What failed in an attempt; `undefined` when nothing did. */
export function failureOf<Answered extends Answer>(
  outcome: Outcome<Answered>,
  nowMs: number,
): Failure<Answered> | undefined {
  if ("error" in outcome) {
    return { verdict: errorVerdict(outcome.error), delayMsMin: retryAfterOf(outcome.error) };
  }
  const response = outcome.value;
  // Most answers are no failure, and some make their headers only when asked for them.
  const byStatus = statusVerdict(response.status);
  if (byStatus === undefined) return undefined;
  const retryAfterMs = parseRetryAfter(response.headers.get("Retry-After"), nowMs);
  const verdict = retryAfterMs === undefined ? byStatus : (statusVerdict(response.status, true) ?? byStatus);
  return { verdict, response, retryAfterMs, delayMsMin: waitHint(response.headers, nowMs, response.status) };
}

/** The same failure of an attempt that ended before its request was sent: in a queue, by a layer, by its time. */
export function unsent<Answered extends Answer>(failure: Failure<Answered>): Failure<Answered> {
  return { ...failure, verdict: { ...failure.verdict, delivery: "never" } };
}

/**
 * What to do about a failed attempt. The reasons to stop: `replayed` (the kept answer would come again), `permanent`
 * (the same request fails in the same way), `unsafe` (a repeat could be a second effect).
 *
 * @param repeatable whether sending the request twice means the same as once: an idempotent method, or a key.
 */
export function decideOn(failure: Failure, repeatable: boolean): Decision {
  const { response, verdict } = failure;
  if (isKept(response)) return { action: "stop", why: "replayed" };
  if (!verdict.transient) return { action: "stop", why: "permanent" };
  if (!repeatable && !provesNoEffect(failure)) return { action: "stop", why: "unsafe" };
  const kind = isTurnedAway(failure) ? "throttled" : "transient";
  return { action: "retry", delayMsMin: failure.delayMsMin, kind, why: verdict.reason };
}

/**
 * Whether an attempt surely had no effect: it never arrived, or it was refused. A refusal is a 4xx, but for 408 and for a
 * 409 that says that the operation is going on, and a 503 that names a time to come back. Any other 5xx can follow an
 * effect, and after a redirect the answer is that of another request.
 */
export function provesNoEffect({ response, retryAfterMs, verdict }: Failure): boolean {
  if (response?.redirected) return false;
  if (verdict.delivery === "never") return true;
  if (response === undefined || response.status === 408) return false;
  if (response.status === 409) return !verdict.transient;
  return response.status < 500 || (response.status === 503 && retryAfterMs !== undefined);
}

function isTurnedAway({ response, retryAfterMs }: Failure): boolean {
  return response?.status === 429 || (response?.status === 503 && retryAfterMs !== undefined);
}

/** Whether the operation may have been carried out after this failure, or may yet be. */
export function leavesFateUnknown(failure: Failure): boolean {
  return !isKept(failure.response) && !provesNoEffect(failure);
}

/**
 * Whether a call's last answer leaves it open that an attempt was carried out. A success is the operation's own
 * answer, and so is a failure that was kept; any other failure may come from who never looked for the key.
 */
export function leavesInDoubt(failure: Failure | undefined): boolean {
  return failure !== undefined && !isKept(failure.response);
}

/** Whether an answer is the kept one, of the very operation that the key names. */
function isKept(response: Answer | undefined): boolean {
  return response?.headers.get("Idempotent-Replayed") === "true";
}
