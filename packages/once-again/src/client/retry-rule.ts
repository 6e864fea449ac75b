import { errorResponse } from "../delivery/error-response.ts";
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
  /** What the answer says, also one that came as an error; missing when there was none. */
  readonly answer?: Answer;
  /** Whether a 503 with `Retry-After` is believed to say that nothing happened. */
  readonly trusted?: boolean;
  /** What `Retry-After` asks for, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** How long not to ask again, in milliseconds: what `Retry-After`, a rate limit or an open circuit breaker says. */
  readonly delayMsMin?: number | undefined;
}

/** An error of an HTTP client that throws what a server answered, as that answer. Whether it was redirected is unknown. */
function thrownAnswer(error: unknown): Answer | undefined {
  const carried = errorResponse(error);
  return carried && { ...carried, redirected: false };
}

/**
 * What failed in an attempt; `undefined` when nothing did.
 *
 * @param trusted whether a 503 with `Retry-After` is believed to say that nothing happened: it is once-again's own, or
 *   the user vouches for the server.
 */
export function failureOf<Answered extends Answer>(
  outcome: Outcome<Answered>,
  nowMs: number,
  trusted = false,
): Failure<Answered> | undefined {
  if ("value" in outcome) {
    const failure = failureIn(outcome.value, nowMs, trusted);
    return failure && { ...failure, response: outcome.value };
  }
  const { error } = outcome;
  const answer = thrownAnswer(error);
  if (answer !== undefined) return failureIn(answer, nowMs, trusted);
  return { verdict: errorVerdict(error), delayMsMin: retryAfterOf(error) };
}

function failureIn(answer: Answer, nowMs: number, trusted: boolean): Omit<Failure, "response"> | undefined {
  // Most answers are no failure, and some make their headers only when asked for them.
  const byStatus = statusVerdict(answer.status);
  if (byStatus === undefined) return undefined;
  const retryAfterMs = parseRetryAfter(answer.headers.get("Retry-After"), nowMs);
  const verdict = retryAfterMs === undefined ? byStatus : (statusVerdict(answer.status, true) ?? byStatus);
  return { verdict, answer, trusted, retryAfterMs, delayMsMin: waitHint(answer.headers, nowMs, answer.status) };
}

/**
 * The same failure of an attempt that ended before its request was sent: in a queue, by a layer, by its time.
 *
 * @param isPermanent whether every further attempt ends like that.
 */
export function unsent<Answered extends Answer>(failure: Failure<Answered>, isPermanent = false): Failure<Answered> {
  const { verdict } = failure;
  return { ...failure, verdict: { ...verdict, delivery: "never", transient: verdict.transient && !isPermanent } };
}

/**
 * What to do about a failed attempt. The reasons to stop: `replayed` (the kept answer would come again), `gave-up` (a
 * retry inside has tried already), `permanent` (the same request fails in the same way), `unsafe` (a repeat could be a
 * second effect).
 *
 * @param repeatable whether sending the request twice means the same as once: an idempotent method, or a key.
 * @param inDoubt whether an earlier attempt with the same key may have been carried out, or be going on.
 */
export function decideOn(failure: Failure, repeatable: boolean, inDoubt = false): Decision {
  const { answer, verdict } = failure;
  if (isKept(answer)) return { action: "stop", why: "replayed" };
  if (verdict.gaveUp) return { action: "stop", why: "gave-up" };
  if (!verdict.transient && !(inDoubt && repeatable && isForeignConflict(answer))) {
    return { action: "stop", why: "permanent" };
  }
  if (!repeatable && !provesNoEffect(failure)) return { action: "stop", why: "unsafe" };
  const kind = isTurnedAway(failure) ? "throttled" : "transient";
  return { action: "retry", delayMsMin: failure.delayMsMin, kind, why: verdict.reason };
}

/**
 * A 409 that is not once-again's, whose own say which case they are. While an own attempt is in doubt it may be about
 * that one, still under way: so Stripe says it, without `Retry-After`.
 */
function isForeignConflict(answer: Answer | undefined): boolean {
  if (answer?.status !== 409) return false;
  return !/^application\/problem\+json\b/i.test(answer.headers.get("content-type") ?? "");
}

/**
 * Whether an attempt surely had no effect: it never arrived, or it was refused. A refusal is a 4xx, but for 408 and for a
 * 409 that says that the operation is going on, and a trusted 503 that names a time to come back. Any other 5xx can
 * follow an effect, and after a redirect the answer is that of another request.
 */
export function provesNoEffect({ answer, retryAfterMs, trusted, verdict }: Failure): boolean {
  if (answer?.redirected) return false;
  if (verdict.delivery === "never") return true;
  if (answer === undefined || answer.status === 408) return false;
  if (answer.status === 409) return !verdict.transient;
  return answer.status < 500 || (answer.status === 503 && retryAfterMs !== undefined && trusted === true);
}

function isTurnedAway({ answer, retryAfterMs }: Failure): boolean {
  return answer?.status === 429 || (answer?.status === 503 && retryAfterMs !== undefined);
}

/** Whether the operation may have been carried out after this failure, or may yet be. */
export function leavesFateUnknown(failure: Failure): boolean {
  return !isKept(failure.answer) && !provesNoEffect(failure);
}

/**
 * Whether a call's last answer leaves it open that an attempt was carried out. A success is the operation's own
 * answer, and so is a failure that was kept; any other failure may come from who never looked for the key.
 */
export function leavesInDoubt(failure: Failure | undefined): boolean {
  return failure !== undefined && !isKept(failure.answer);
}

/** Whether an answer is the kept one, of the very operation that the key names. */
function isKept(answer: Answer | undefined): boolean {
  return answer?.headers.get("Idempotent-Replayed") === "true";
}
