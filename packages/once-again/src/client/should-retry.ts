import { checkBoolean, invalidOptionError } from "../core/options.ts";
import { errorResponse } from "../delivery/error-response.ts";
import { errorVerdict, parseRetryAfter, statusVerdict, type Verdict, waitHint } from "../delivery/index.ts";
import { retryAfterOf } from "../retry/decision.ts";
import type { Decision } from "../retry/index.ts";
import type { Outcome } from "../retry/attempt.ts";
import { isProblem } from "./no-effect-problem.ts";

/**
 * The parts of a response that the rule reads. A `Response` fits, and so does the object that another HTTP client makes of its
 * own.
 */
export interface ResponseHead {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  /** Whether it answers another request, to which a redirect led. */
  readonly redirected: boolean;
}

/** A failed attempt. */
export interface Failure<Res extends ResponseHead = ResponseHead> {
  readonly verdict: Verdict;
  /** The response; missing when there was none. */
  readonly response?: Res;
  /** The head of the response, also of one that an error carries; missing when there was none. */
  readonly head?: ResponseHead;
  /** Whether a 503 with `Retry-After` is believed to say that nothing happened. */
  readonly trusted?: boolean;
  /** The wait of `Retry-After`, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** How long not to ask again, in milliseconds: what `Retry-After`, a rate limit or an open circuit breaker says. */
  readonly delayMsMin?: number | undefined;
  /** Whether the server says that another attempt is worth it, `true` or `false`: its `X-Should-Retry`. */
  readonly advice?: string | null;
}

/** The response that an HTTP client threw as an error. Whether it was redirected is unknown. */
function thrownHead(error: unknown): ResponseHead | undefined {
  const carried = errorResponse(error);
  return carried && { ...carried, redirected: false };
}

/**
 * The failure of an attempt; `undefined` if it did not fail.
 *
 * @param trusted whether a 503 with `Retry-After` is believed to say that nothing happened: it is once-again's own, or
 *   the user vouches for the server.
 */
export function failureOf<Res extends ResponseHead>(
  outcome: Outcome<Res>,
  nowMs: number,
  trusted = false,
): Failure<Res> | undefined {
  if ("value" in outcome) {
    const failure = failureIn(outcome.value, nowMs, trusted);
    return failure && { ...failure, response: outcome.value };
  }
  const { error } = outcome;
  const head = thrownHead(error);
  if (head !== undefined) return failureIn(head, nowMs, trusted);
  return { verdict: errorVerdict(error), delayMsMin: retryAfterOf(error) };
}

function failureIn(head: ResponseHead, nowMs: number, trusted: boolean): Omit<Failure, "response"> | undefined {
  // Most responses are no failure, and some make their headers only when asked for them.
  if (head.status < 400) return undefined;
  const retryAfterMs = parseRetryAfter(head.headers.get("Retry-After"), nowMs);
  const verdict = statusVerdict(head.status, retryAfterMs !== undefined);
  if (verdict === undefined) return undefined;
  const delayMsMin = waitHint(head.headers, nowMs, head.status);
  // Servers with SDKs by Stainless send it: OpenAI, Anthropic and others.
  const advice = head.headers.get("X-Should-Retry");
  return { verdict, head, trusted, retryAfterMs, delayMsMin, advice };
}

/**
 * The same failure of an attempt that ended before its request was sent: in a queue, by a layer, by its time.
 *
 * @param isPermanent whether every further attempt ends like that.
 */
export function markUnsent<Res extends ResponseHead>(failure: Failure<Res>, isPermanent = false): Failure<Res> {
  const { verdict } = failure;
  return { ...failure, verdict: { ...verdict, delivery: "never", transient: verdict.transient && !isPermanent } };
}

/**
 * Decides what follows a failed attempt. The reasons to stop: `replayed` (the stored response would come again), `gave-up` (a
 * retry inside has tried already), `permanent` (the same request fails in the same way), `unsafe` (a repeat could be a
 * second effect).
 *
 * @param repeatable whether sending the request twice means the same as once: an idempotent method, or a key.
 * @param inDoubt whether an earlier attempt with the same key may have been executed, or be going on.
 */
export function decideOn(failure: Failure, repeatable: boolean, inDoubt = false): Decision {
  const { advice, head, verdict } = failure;
  if (isReplay(head)) return { action: "stop", why: "replayed" };
  if (verdict.gaveUp) return { action: "stop", why: "gave-up" };
  const isWorthIt = verdict.transient || (inDoubt && repeatable && head !== undefined && isForeignConflict(head));
  if (advice === "false" || !(isWorthIt || advice === "true")) return { action: "stop", why: "permanent" };
  if (!repeatable && !provesNoEffect(failure)) return { action: "stop", why: "unsafe" };
  const kind = isTurnedAway(failure) ? "throttled" : "transient";
  return { action: "retry", delayMsMin: failure.delayMsMin, kind, why: verdict.reason };
}

/**
 * A 409 that is not once-again's; once-again's own says which case it is. While an own attempt is in doubt it may be about
 * that one, still under way: so Stripe says it, without `Retry-After`.
 */
function isForeignConflict({ headers, status }: ResponseHead): boolean {
  return status === 409 && !isProblem(headers);
}

/**
 * Whether an attempt surely had no effect: it never arrived, or it was refused. A refusal is a 4xx, but for 408 and for a
 * 409 that says that the operation is going on, and a trusted 503 that names a time to come back. Any other 5xx can
 * follow an effect, and after a redirect the answer is that of another request.
 */
export function provesNoEffect({ head, retryAfterMs, trusted, verdict }: Failure): boolean {
  if (head?.redirected) return false;
  if (verdict.delivery === "never") return true;
  if (head === undefined || head.status === 408) return false;
  if (head.status === 409) return !verdict.transient;
  return head.status < 500 || (head.status === 503 && retryAfterMs !== undefined && trusted === true);
}

function isTurnedAway({ head, retryAfterMs }: Failure): boolean {
  return head?.status === 429 || (head?.status === 503 && retryAfterMs !== undefined);
}

/** Whether the operation may have been executed after this failure, or may yet be. */
export function mayHaveHappened(failure: Failure): boolean {
  return !isReplay(failure.head) && !provesNoEffect(failure);
}

/**
 * Whether a call's last outcome leaves it open what an earlier attempt did. A success is the operation's own response,
 * and so is a failure that was replayed.
 *
 * No other failure settles a doubt, not even a 402 of an origin that honours keys. A gateway, a firewall or a sign-in in
 * front of the key check answers with the same statuses and has not looked the key up, so an earlier attempt may have
 * succeeded behind it. `keys` vouches for the origin's handling of keys, not for everything that answers in its name.
 * A repeat with the same key brings the stored response, marked as replayed.
 */
export function isNotAuthoritative(failure: Failure | undefined): boolean {
  return failure !== undefined && !isReplay(failure.head);
}

/** Whether a response is the stored one, of the operation that the key names. */
function isReplay(head: ResponseHead | undefined): boolean {
  return head?.headers.get("Idempotent-Replayed") === "true";
}

/** A failed attempt, as a retry condition sees it. No body: reading it would take it from the caller. */
export interface AttemptFailure {
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly method: string;
  /** Origin and path. */
  readonly url: string;
  /** The idempotency key; `undefined` when the call has none. */
  readonly key: string | undefined;
  /** The status of the response; `undefined` when there was none. */
  readonly status: number | undefined;
  /** The headers of the response; `undefined` when there was none. */
  readonly headers: { get(name: string): string | null } | undefined;
  /** The error that the attempt ended with; `undefined` when it had a response. */
  readonly error: unknown;
  /** The evidence of the failure, and whether the rules expect another attempt to fare better. */
  readonly verdict: Verdict;
}

/**
 * Whether a failed attempt is worth another: `true`, `false`, or `undefined` to leave it to the rules. It has the last word
 * where another attempt is safe, and none where it could be a second effect: a request without a key and with a method
 * such as POST is sent again only after a failure that proves that nothing happened.
 */
export type ShouldRetry = (failure: AttemptFailure) => boolean | undefined;

/**
 * The condition that the options make: a function, a list of statuses, or both, the function first.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a list of anything but statuses from 400 to 599.
 */
export function retryCondition(
  shouldRetry: ShouldRetry | undefined,
  statuses: readonly number[] | undefined,
): ShouldRetry | undefined {
  if (statuses === undefined) return shouldRetry;
  const isStatus = (status: number): boolean => Number.isInteger(status) && status >= 400 && status < 600;
  if (!Array.isArray(statuses) || !statuses.every(isStatus)) {
    throw invalidOptionError("retryStatuses", "a list of statuses from 400 to 599", statuses);
  }
  const listed = new Set(statuses);
  const byStatus = ({ status }: AttemptFailure): boolean | undefined =>
    status === undefined ? undefined : listed.has(status);
  return shouldRetry === undefined ? byStatus : (failure) => shouldRetry(failure) ?? byStatus(failure);
}

/**
 * Asks a condition about a failed attempt.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` when it gives something else, such as the promise of an async function.
 */
export function askCondition<Res extends ResponseHead>(
  shouldRetry: ShouldRetry,
  call: Pick<AttemptFailure, "method" | "url" | "key" | "attempt">,
  outcome: Outcome<Res>,
  { head, verdict }: Failure<Res>,
): boolean | undefined {
  const { attempt, key, method, url } = call;
  const error = "error" in outcome ? outcome.error : undefined;
  const facts = { attempt, method, url, key, status: head?.status, headers: head?.headers, error, verdict };
  const isRetryWanted = shouldRetry(facts) ?? undefined;
  checkBoolean("shouldRetry()", isRetryWanted);
  return isRetryWanted;
}

/**
 * Applies the caller's condition to a decision. It may forbid any retry. It may ask for one where the rules expect the same
 * failure again; not of a response that was replayed, nor over a retry inside that gave up.
 */
export function applyCondition(
  decision: Decision,
  isRetryWanted: boolean | undefined,
  failure: Failure,
  repeatable: boolean,
): Decision {
  if (decision.action === "retry") return isRetryWanted === false ? { action: "stop", why: "condition" } : decision;
  if (isRetryWanted !== true || decision.action !== "stop" || decision.why !== "permanent") return decision;
  if (!repeatable && !provesNoEffect(failure)) return { action: "stop", why: "unsafe" };
  return { action: "retry", delayMsMin: failure.delayMsMin, why: failure.verdict.reason };
}
