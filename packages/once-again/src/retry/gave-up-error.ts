import type { ErrorCode } from "../core/error-codes.ts";
import { OnceAgainError } from "../core/errors.ts";
import type { Limit } from "./next-wait.ts";

/** The details of a call that gave up. Times are milliseconds. */
export interface GaveUpDetails {
  /** Attempts that were begun. None is begun that has no time left. */
  readonly attempts: number;
  /** How long the call took, waits included. */
  readonly elapsedMs: number;
  /** From when it makes sense to ask again, since the epoch; missing when no response named a time. */
  readonly retryAt?: number;
  /** No attempt had an effect, as far as the decisions on them could prove it. Missing where they could not. */
  readonly noEffect?: true;
}

const limits: Record<Limit, readonly [ErrorCode, string]> = {
  attempts: ["ONCE_ATTEMPTS_EXHAUSTED", "attemptsMax allows no more"],
  deadline: ["ONCE_DEADLINE_EXCEEDED", "the deadline leaves no time for another"],
  budget: ["ONCE_BUDGET_EXHAUSTED", "the retry budget has nothing left for another; it refills as calls succeed"],
};

/** The error of a call that a limit prevented from trying again. */
export function gaveUpError(limit: Limit, details: GaveUpDetails, cause: unknown): OnceAgainError {
  const [code, reason] = limits[limit];
  const attempts = details.attempts === 1 ? "1 attempt" : `${details.attempts} attempts`;
  const message = `No success after ${attempts}, and ${reason}. The cause is the last attempt's error.`;
  return new OnceAgainError(code, message, { cause, details: { ...details } });
}
