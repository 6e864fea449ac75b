import { invalidOptionError } from "../core/options.ts";
import type { Verdict } from "../delivery/index.ts";
import type { Decision, Outcome } from "../retry/index.ts";
import { type Failure, provesNoEffect, type ResponseHead } from "./retry-rule.ts";

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
  /** What the failure proves, and whether the rules expect another attempt to fare better. */
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
  const isStatus = (status: unknown): boolean =>
    Number.isInteger(status) && Number(status) >= 400 && Number(status) < 600;
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
  const wanted: unknown = shouldRetry(facts) ?? undefined;
  if (wanted === undefined || typeof wanted === "boolean") return wanted;
  throw invalidOptionError("shouldRetry", "a function that returns true, false or undefined, at once", wanted);
}

/**
 * What a condition makes of a decision. It may forbid any retry. It may ask for one where the rules expect the same failure
 * again; not of a response that was replayed, nor over a retry inside that gave up.
 */
export function applyCondition(
  decision: Decision,
  wanted: boolean | undefined,
  failure: Failure,
  repeatable: boolean,
): Decision {
  if (decision.action === "retry") return wanted === false ? { action: "stop", why: "condition" } : decision;
  if (wanted !== true || decision.action !== "stop" || decision.why !== "permanent") return decision;
  if (!repeatable && !provesNoEffect(failure)) return { action: "stop", why: "unsafe" };
  return { action: "retry", delayMsMin: failure.delayMsMin, why: failure.verdict.reason };
}
