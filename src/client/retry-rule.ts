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
  const retryAfterMs = parseRetryAfter(response.headers.get("Retry-After"), nowMs);
  const verdict = statusVerdict(response.status, retryAfterMs !== undefined);
  if (verdict === undefined) return undefined;
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
 * Whether the request surely did nothing: it never arrived, or it was turned away at the door (429; 503 with a time to
 * come back). After a redirect the answer is that of another request, and the first may have been carried out.
 */
function provesNoEffect(failure: Failure): boolean {
  if (failure.response?.redirected) return false;
  return failure.verdict.delivery === "never" || isTurnedAway(failure);
}

function isTurnedAway({ response, retryAfterMs }: Failure): boolean {
  return response?.status === 429 || (response?.status === 503 && retryAfterMs !== undefined);
}

/**
 * Whether the operation may be carried out after this failure. A 409 that is worth waiting for says that it is going on;
 * an answer that broke off may have said anything.
 */
export function leavesFateUnknown({ response, verdict }: Failure): boolean {
  if (isKept(response)) return false;
  if (response === undefined) return verdict.delivery !== "never";
  return verdict.delivery === "unknown" || (response.status === 409 && verdict.transient);
}

/**
 * Whether a call's last answer leaves it open that an earlier attempt was carried out. A success is the operation's own
 * answer, and so is a failure that was kept; any other failure may come from who never looked for the key.
 */
export function leavesInDoubt(failure: Failure | undefined): boolean {
  return failure !== undefined && !isKept(failure.response);
}

/** Whether an answer is the kept one, of the very operation that the key names. */
function isKept(response: Answer | undefined): boolean {
  return response?.headers.get("Idempotent-Replayed") === "true";
}
