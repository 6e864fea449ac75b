import { Code, ConnectError } from "@connectrpc/connect";
import type { ErrorCode } from "../core/error-codes.ts";
import { OnceAgainError } from "../core/errors.ts";
import type { ErrorListener, ErrorSubject } from "../core/listener.ts";
import { recordFault } from "../core/record-errors.ts";
import { isSetupFault } from "../engine/engine.ts";
import { retryAfterOf } from "../retry/decision.ts";

/** In the metadata of an error that says why a call was not executed: the code, as in docs/errors. */
export const errorMetadata = "once-again-error";

/** In the metadata of a response: `true` when it is that of an earlier call with the same key. */
export const replayedMetadata = "idempotent-replayed";

/** When to make the call again, milliseconds, or a negative number: not at all (gRFC A6, "Pushback"). */
export const pushbackMetadata = "grpc-retry-pushback-ms";

/**
 * The status of each error of ours; of all others `Internal`. "In progress" is not `Unavailable`: proxies and balancers count
 * that against a server that is well. An unknown outcome is `FailedPrecondition`, which says that a repeat is no use
 * before the state of the system has changed.
 */
const statuses: Readonly<Partial<Record<ErrorCode, Code>>> = {
  ONCE_KEY_INVALID: Code.InvalidArgument,
  ONCE_KEY_REUSED: Code.InvalidArgument,
  ONCE_IN_PROGRESS: Code.Aborted,
  ONCE_OUTCOME_UNKNOWN: Code.FailedPrecondition,
  ONCE_CLOSED: Code.Unavailable,
  ONCE_NO_EFFECT: Code.Unavailable,
  ONCE_STORE_UNAVAILABLE: Code.Unavailable,
  ONCE_HANDLER_TIMEOUT: Code.DeadlineExceeded,
  ONCE_RESULT_UNCONFIRMED: Code.DeadlineExceeded,
};

/** Refusals after which the same call under the same key finds out more. */
const comeBack: ReadonlySet<ErrorCode> = new Set([
  "ONCE_CLOSED",
  "ONCE_HANDLER_TIMEOUT",
  "ONCE_IN_PROGRESS",
  "ONCE_NO_EFFECT",
  "ONCE_RESULT_UNCONFIRMED",
  "ONCE_STORE_UNAVAILABLE",
]);

/** Errors that are answered to the caller and also reported to `onError`. */
const forOperators: ReadonlySet<ErrorCode> = new Set([
  "ONCE_HANDLER_TIMEOUT",
  "ONCE_MOUNTED_TWICE",
  "ONCE_RESULT_TOO_LARGE",
  "ONCE_RESULT_UNCONFIRMED",
  "ONCE_RESULT_UNFIT",
  "ONCE_STORE_UNAVAILABLE",
]);

/** The rules of a room for its refusals. */
export interface RefusalRules {
  readonly onError: ErrorListener;
  /** Draws when to come back, milliseconds. @param leastMs default the room's. */
  readonly retryAfterMs: (leastMs?: number) => number;
}

/** A refusal as its caller gets it. */
export function refusal(
  code: ErrorCode,
  message: string,
  { retryAfterMs }: Pick<RefusalRules, "retryAfterMs">,
  leastMs?: number,
): ConnectError {
  const metadata = new Headers({ [errorMetadata]: code });
  if (comeBack.has(code)) {
    const waitMs = Math.ceil(retryAfterMs(leastMs));
    metadata.set(pushbackMetadata, String(waitMs));
    metadata.set("retry-after", String(Math.ceil(waitMs / 1000)));
  }
  if (code === "ONCE_OUTCOME_UNKNOWN") metadata.set(pushbackMetadata, "-1");
  return new ConnectError(message, statuses[code] ?? Code.Internal, metadata);
}

/**
 * The error that a caller gets for one that ended its call: a `ConnectError` of the handler as it is, one of ours with its status. Of any
 * other Connect's own server says "internal error", and no more.
 */
export function callError(error: unknown, rules: RefusalRules, about: ErrorSubject): unknown {
  if (error instanceof ConnectError) return error;
  const named = callersError(error);
  if (named !== undefined) return named;
  if (isSetupFault(error)) {
    rules.onError(error, about);
    return refusal("ONCE_OPTION_INVALID", "The service is set up wrongly. Nothing happened.", rules);
  }
  const fault = recordFault(error);
  if (fault !== undefined) {
    rules.onError(fault, about);
    const unread = "What is stored under this key can't be read, so its outcome is not known here.";
    return refusal(fault.code, unread, rules);
  }
  if (!OnceAgainError.isInstance(error) || error.code === "ONCE_HANDLER_FAILED") {
    rules.onError(error, about);
    if (!OnceAgainError.isInstance(error)) return error;
    return refusal(
      "ONCE_HANDLER_FAILED",
      "The service failed. Ask again, with the same key, what became of it.",
      rules,
    );
  }
  if (forOperators.has(error.code)) rules.onError(error, about);
  return refusal(error.code, error.message, rules, retryAfterOf(error));
}

/** A `scope` function that refuses its caller with a status, such as `Unauthenticated`, is believed. */
function callersError(error: unknown): ConnectError | undefined {
  if (!OnceAgainError.isInstance(error, "ONCE_NO_EFFECT")) return undefined;
  return error.cause instanceof ConnectError ? error.cause : undefined;
}
