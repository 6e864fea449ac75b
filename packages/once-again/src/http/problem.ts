import { type ErrorCode, errorCodes } from "../core/error-codes.ts";
import type { Profile } from "./profile.ts";
import type { HttpResponse } from "./response.ts";

/** The status of each error that we answer with ourselves. */
const statuses = {
  ONCE_KEY_INVALID: 400,
  ONCE_SIGNATURE_INVALID: 401,
  ONCE_IN_PROGRESS: 409,
  ONCE_OUTCOME_UNKNOWN: 409,
  ONCE_KEY_EXPIRED: 412,
  ONCE_BODY_TOO_LARGE: 413,
  ONCE_KEY_REUSED: 422,
  ONCE_QUOTA_EXCEEDED: 429,
  ONCE_BODY_CONSUMED: 500,
  ONCE_HANDLER_FAILED: 500,
  ONCE_OPTION_INVALID: 500,
  // The record may be the result of an effect: no 503, which says that nothing happened.
  ONCE_RECORD_BROKEN: 500,
  ONCE_SEAL_BROKEN: 500,
  ONCE_MOUNTED_TWICE: 500,
  ONCE_RESULT_TOO_LARGE: 500,
  ONCE_CLOSED: 503,
  ONCE_NO_EFFECT: 503,
  ONCE_STORE_UNAVAILABLE: 503,
  // As of a gateway that waited for another in vain: callers must not conclude that nothing happened.
  ONCE_HANDLER_TIMEOUT: 504,
  ONCE_RESULT_UNCONFIRMED: 504,
} as const satisfies Partial<Record<ErrorCode, number>>;

/** The code of an error that has an HTTP answer. */
export type ProblemCode = keyof typeof statuses;

/**
 * Errors after which the same request, with the same key, is worth sending again at a time that we name. Beside "in
 * progress" they are 429 or 503, by which a caller knows that this request had no effect: it may repeat even what has no key.
 */
const comeBack: ReadonlySet<ProblemCode> = new Set([
  "ONCE_CLOSED",
  "ONCE_IN_PROGRESS",
  "ONCE_NO_EFFECT",
  "ONCE_QUOTA_EXCEEDED",
  "ONCE_STORE_UNAVAILABLE",
]);

/** Whether an error code has an HTTP answer. */
export function isProblemCode(code: ErrorCode): code is ProblemCode {
  return code in statuses;
}

/** How our own answers look. */
export interface ProblemStyle {
  profile: Pick<Profile, "contentType" | "body">;
  /** The beginning of a problem's `type`; the page of the error code follows. */
  problemBase: string;
  /** The `Retry-After` of answers after which to come back, seconds. */
  retryAfterSeconds: number;
  /** The status for a key that was used before with another request. */
  reusedStatus: 409 | 422;
}

/** One of our own answers: problem+json (RFC 9457), where the profile says nothing else. */
export function problem(style: ProblemStyle, code: ProblemCode, detail: string): HttpResponse {
  const status = code === "ONCE_KEY_REUSED" ? style.reusedStatus : statuses[code];
  const type = `${style.problemBase}${code}.md`;
  const refusal = { type, title: errorCodes[code], status, detail, code };
  const body = new TextEncoder().encode(JSON.stringify(style.profile.body(refusal)));
  const headers: [string, string][] = [["content-type", style.profile.contentType]];
  if (comeBack.has(code)) headers.push(["retry-after", String(style.retryAfterSeconds)]);
  return { status, headers, body };
}
