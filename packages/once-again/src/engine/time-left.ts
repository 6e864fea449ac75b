import { hasMethod } from "../core/duck-typing.ts";
import { OnceAgainError } from "../core/errors.ts";
import { checkNumber } from "../core/options.ts";
import type { CheckedEngineOptions } from "./options.ts";

// A platform such as AWS Lambda ends a process at a known time. An operation there has `timeLeftMs`.

/** How long a process must still have for an operation, milliseconds: with less nothing begins. */
export const timeLeftMsMin = 100;
/** How long before the end of its process work has to end, milliseconds at most: its outcome has yet to be stored. */
const reserveMsMax = 1000;
/** How long after the end of a process its lease may be over, milliseconds: the process may end a little late. */
const graceMs = 2000;

/**
 * The options for one operation: where the process ends soon, neither its work nor its lease takes much longer. It waits for
 * another at most for half of the time, so that it can still get "in progress", or work.
 *
 * @throws OnceAgainError `ONCE_CLOSED` where less than `timeLeftMsMin` is left.
 */
export function optionsWithin(options: CheckedEngineOptions, timeLeftMs: number | undefined): CheckedEngineOptions {
  if (timeLeftMs === undefined) return options;
  const leftMs = checkNumber("timeLeftMs", timeLeftMs, { min: 0 });
  if (leftMs < timeLeftMsMin) throw noTimeError(leftMs);
  const workMs = Math.floor(leftMs - Math.min(leftMs / 10, reserveMsMax));
  return {
    ...options,
    waitMs: Math.min(options.waitMs, Math.floor(workMs / 2)),
    handlerMsMax: Math.min(options.handlerMsMax, workMs),
    workEndsAt: options.clock.monotonic() + workMs,
    leaseMs: Math.min(options.leaseMs, Math.ceil(leftMs) + graceMs),
  };
}

function noTimeError(leftMs: number): OnceAgainError {
  return new OnceAgainError(
    "ONCE_CLOSED",
    `This process ends in ${Math.floor(leftMs)} ms, and with less than ${timeLeftMsMin} ms left nothing begins. Nothing ` +
      "happened: send it again, with its key.",
  );
}

/** The parts that we use of the context of an invocation of AWS Lambda. */
export interface LambdaContext {
  getRemainingTimeInMillis(): number;
}

/** How long an invocation of AWS Lambda may still take, milliseconds; `undefined`: it has no bound, or this is another context. */
export function remainingMs(context: unknown): number | undefined {
  if (!hasMethod(context, "getRemainingTimeInMillis")) return undefined;
  const leftMs: unknown = (context as LambdaContext).getRemainingTimeInMillis();
  return typeof leftMs === "number" && Number.isFinite(leftMs) ? Math.max(0, leftMs) : undefined;
}
