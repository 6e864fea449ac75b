import { type ErrorCode, errorCodes } from "../core/error-codes.ts";
import { OnceAgainError } from "../core/errors.ts";
import { isSetupFault, type Outcome } from "../engine/engine.ts";
import { recordFault } from "../core/record-errors.ts";
import type { ErrorListener, ErrorSubject } from "../core/listener.ts";
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
  /** Draws the `Retry-After` of a response after which to come back, whole seconds. @param leastSeconds default the route's. */
  retryAfter: (leastSeconds?: number) => number;
  /** The status for a key that was used before with another request. */
  reusedStatus: 409 | 422;
}

/**
 * One of our own answers: problem+json (RFC 9457), where the profile says nothing else.
 *
 * @param leastSeconds when to come back at the earliest, where that is not for the route to say.
 */
export function problem(style: ProblemStyle, code: ProblemCode, detail: string, leastSeconds?: number): HttpResponse {
  const status = code === "ONCE_KEY_REUSED" ? style.reusedStatus : statuses[code];
  const type = `${style.problemBase}${code}.md`;
  const refusal = { type, title: errorCodes[code], status, detail, code };
  const body = new TextEncoder().encode(JSON.stringify(style.profile.body(refusal)));
  const headers: [string, string][] = [["content-type", style.profile.contentType]];
  if (comeBack.has(code)) headers.push(["retry-after", String(style.retryAfter(leastSeconds))]);
  return { status, headers, body };
}

/** Why an operation has no response yet, for its caller. The store's claim finds it (stores/transition.ts). */
const reasons = {
  "in-progress": ["ONCE_IN_PROGRESS", "The operation with this key is still running. Ask again with the same key."],
  mismatch: ["ONCE_KEY_REUSED", "This key was used before with another request. Use a new key for a new operation."],
  "outcome-unknown": [
    "ONCE_OUTCOME_UNKNOWN",
    "An earlier attempt at this operation ended without a word, so it may or may not have happened. It is held " +
      "until a person has looked; don't send it under another key.",
  ],
} as const satisfies Record<Exclude<Outcome["kind"], "executed" | "replayed">, readonly [ProblemCode, string]>;

/** The response to a request with a key, where its operation has none. */
export function refusalTo(kind: keyof typeof reasons, rules: ProblemStyle): HttpResponse {
  const [code, detail] = reasons[kind];
  return problem(rules, code, detail);
}

/** Errors that are answered to the caller and also reported to `onError`. */
const forOperators: ReadonlySet<ErrorCode> = new Set([
  "ONCE_BODY_CONSUMED",
  "ONCE_HANDLER_TIMEOUT",
  "ONCE_MOUNTED_TWICE",
  "ONCE_RESULT_UNCONFIRMED",
  "ONCE_STORE_UNAVAILABLE",
]);

/**
 * The response to a request that failed outside its handler's own answers.
 *
 * @param about which request it was, for `onError`.
 */
export function responseToError(
  error: unknown,
  rules: ProblemStyle & { onError: ErrorListener },
  about?: ErrorSubject,
): HttpResponse {
  if (isSetupFault(error)) {
    rules.onError(error, about);
    return problem(rules, "ONCE_OPTION_INVALID", "The service is set up wrongly. Nothing happened.");
  }
  const fault = recordFault(error);
  if (fault !== undefined) {
    rules.onError(fault, about);
    return problem(
      rules,
      fault.code as ProblemCode,
      "What is stored under this key can't be read, so its outcome is not known here.",
    );
  }
  if (OnceAgainError.isInstance(error) && isProblemCode(error.code) && error.code !== "ONCE_HANDLER_FAILED") {
    if (forOperators.has(error.code)) rules.onError(error, about);
    return problem(rules, error.code, error.message);
  }
  rules.onError(error, about);
  return problem(rules, "ONCE_HANDLER_FAILED", "The service failed. Ask again, with the same key, what became of it.");
}
