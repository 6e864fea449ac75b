import { errorVerdict, parseRetryAfter, statusVerdict, type Verdict } from "../delivery/index.ts";
import type { Decision, Outcome } from "../retry/index.ts";

/** A failed attempt. */
export interface Failure {
  readonly verdict: Verdict;
  /** The answer; missing when there was none. */
  readonly response?: Response;
  /** What `Retry-After` asks for, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** What failed in an attempt; `undefined` when nothing did. */
export function failureOf(outcome: Outcome<Response>, nowMs: number): Failure | undefined {
  if ("error" in outcome) return { verdict: errorVerdict(outcome.error) };
  const response = outcome.value;
  const retryAfterMs = parseRetryAfter(response.headers.get("Retry-After"), nowMs);
  const verdict = statusVerdict(response.status, retryAfterMs !== undefined);
  return verdict === undefined ? undefined : { verdict, response, retryAfterMs };
}

/**
 * What to do about a failed attempt. The reasons to stop: `replayed` (the kept answer would come again), `permanent`
 * (the same request fails in the same way), `unsafe` (a repeat could be a second effect).
 *
 * @param repeatable whether sending the request twice means the same as once: an idempotent method, or a key.
 */
export function decideOn(failure: Failure, repeatable: boolean): Decision {
  const { response, verdict } = failure;
  if (response?.headers.get("Idempotent-Replayed") === "true") return { action: "stop", why: "replayed" };
  if (!verdict.transient) return { action: "stop", why: "permanent" };
  if (!repeatable && !provesNoEffect(failure)) return { action: "stop", why: "unsafe" };
  return { action: "retry", delayMsMin: failure.retryAfterMs, why: verdict.reason };
}

/**
 * Whether the request surely did nothing: it never arrived, or it was turned away at the door (429; 503 with a time to
 * come back). After a redirect the answer is that of another request, and the first may have been carried out.
 */
function provesNoEffect({ response, retryAfterMs, verdict }: Failure): boolean {
  if (response?.redirected) return false;
  const { status } = response ?? {};
  return verdict.delivery === "never" || status === 429 || (status === 503 && retryAfterMs !== undefined);
}

/** Whether the operation may be carried out after this failure; a 409 that is worth waiting for says it is going on. */
export function leavesFateUnknown({ response, verdict }: Failure): boolean {
  return verdict.delivery === "unknown" || (response?.status === 409 && verdict.transient);
}
