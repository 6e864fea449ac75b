import type { Verdict } from "./verdict.ts";

// The verdict on a status. Whether a client then sends its request again is decided in client/should-retry.ts.

/** Statuses that say the request was not acted on (RFC 9110, section 15.5.20; RFC 8470, section 5.2). */
const never: readonly number[] = [421, 425];

/** Statuses that an intermediary answers with when it lost the origin's answer. 52x are Cloudflare's. */
const unknown: readonly number[] = [502, 504, 520, 522, 524];

/** Statuses that may be gone at the next attempt. 421 is not: `fetch` would use the same connection again. */
const transient: readonly number[] = [...unknown, 408, 425, 429, 500, 503];

/**
 * Judges a response by its status: did the request have an effect, and may a retry fare better?
 *
 * @param status the HTTP status.
 * @param hasRetryAfter whether the response names a time to come back. A 409 with one says that the operation is in
 *   progress; without, that the request is in conflict with something, which waiting does not change.
 * @returns `undefined` for a status below 400: that is no failure.
 */
export function statusVerdict(status: number, hasRetryAfter = false): Verdict | undefined {
  if (status < 400) return undefined;
  return {
    delivery: never.includes(status) ? "never" : unknown.includes(status) ? "unknown" : "failed",
    transient: transient.includes(status) || (status === 409 && hasRetryAfter),
    reason: `status ${status}`,
  };
}
