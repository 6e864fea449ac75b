import { type Decision, OnceAgainError } from "once-again";
import { attemptTimeoutError, decideOn, type Failure } from "once-again/internal";
import { errorVerdict, statusVerdict } from "once-again/delivery";

/** How a request or an attempt can end. Numbers, so that they fit into a typed array. */
export const attemptEndings = {
  succeeded: 0,
  refused: 1,
  shed: 2,
  erred: 3,
  timedOut: 4,
  heldByBreaker: 5,
  heldByThrottle: 6,
  heldByLimit: 7,
} as const;

export type AttemptEnding = (typeof attemptEndings)[keyof typeof attemptEndings];

/** Decides what follows an attempt that ended so. @param openMs for how long a circuit breaker holds it back. */
export type DecideAfter = (ending: AttemptEnding, openMs?: number) => Decision;

/**
 * The decision of `once-again/client` after each ending, of calls that may be repeated: they are idempotent or have a key.
 *
 * @param retryAfterMs says when the service asks callers to come back that get a 503.
 */
export function decideAfterAttempts(retryAfterMs: () => number | undefined): DecideAfter {
  const refused = Object.assign(new Error("refused"), { code: "ECONNREFUSED", syscall: "connect" });
  const failures: Record<number, Failure> = {
    [attemptEndings.refused]: { verdict: errorVerdict(refused) },
    [attemptEndings.shed]: httpFailure(503),
    [attemptEndings.erred]: httpFailure(500),
    [attemptEndings.timedOut]: { verdict: errorVerdict(attemptTimeoutError(0)) },
    [attemptEndings.heldByThrottle]: { verdict: errorVerdict(new OnceAgainError("ONCE_THROTTLED", "")) },
    [attemptEndings.heldByLimit]: { verdict: errorVerdict(new OnceAgainError("ONCE_QUEUE_FULL", "")) },
  };
  const known = Array.from({ length: 8 }, (_, ending) => {
    const failure = failures[ending];
    return failure === undefined ? undefined : decideOn(failure, true);
  });
  // Made once: a storm has millions.
  const turnedAway = decideOn(httpFailure(503, 0), true) as Decision & { action: "retry" };
  const open = errorVerdict(new OnceAgainError("ONCE_CIRCUIT_OPEN", ""));
  return (ending, openMs) => {
    if (ending !== attemptEndings.shed) return known[ending] ?? decideOn({ verdict: open, delayMsMin: openMs }, true);
    const askedMs = retryAfterMs();
    return askedMs === undefined ? known[ending]! : { ...turnedAway, delayMsMin: askedMs };
  };
}

function httpFailure(status: number, retryAfterMs?: number): Failure {
  const head = { status, headers: new Headers(), redirected: false };
  const verdict = statusVerdict(status, retryAfterMs !== undefined);
  if (verdict === undefined) throw new RangeError(`${status} is no failure.`);
  return { verdict, head, retryAfterMs, delayMsMin: retryAfterMs };
}
