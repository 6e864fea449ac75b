import { askUntilAnswered } from "../core/ask-until-answered.ts";
import type { ErrorCode } from "../core/error-codes.ts";
import { OnceAgainError } from "../core/errors.ts";
import { decideByDefault } from "../retry/decision.ts";
import { runRetry } from "../retry/retry.ts";
import type { RetryPolicy } from "../retry/retry-options.ts";
import type { IntentsSettings } from "./intents-options.ts";

/** Calls of the store that are tried again: every operation of the port may be repeated. */
export interface StoreCalls {
  /**
   * Asks once more when it fails; that settles a lost acknowledgement.
   *
   * @throws OnceAgainError `ONCE_STORE_UNAVAILABLE` when it failed twice, or gave no answer within `storeMsMax`; the store's own
   *   error where it says what is the matter.
   */
  ask<Answer>(call: () => Promise<Answer>): Promise<Answer>;
  /** Asks until the store answers; `undefined` when we were stopped before. */
  insist<Answer>(call: () => Promise<Answer>): Promise<Answer | undefined>;
}

/** How often one operation is asked for before it is said to have failed, and how long after the first time. */
const attemptsMax = 2;
const pauseMs = 20;

/**
 * @param stop ends what insists, after one try more.
 * @param onFailure is called with each failure that is not thrown.
 */
export function retryStoreCalls(
  { clock, pollMs, random, storeMsMax }: IntentsSettings,
  stop: AbortSignal,
  onFailure: (error: unknown) => void,
): StoreCalls {
  const policy: RetryPolicy<unknown> = {
    attemptsMax,
    backoff: () => pauseMs,
    timeoutMs: storeMsMax,
    decide: decideByDefault,
    takesAnyValue: true,
    clock,
    random,
  };
  const ask = async <Answer>(call: () => Promise<Answer>): Promise<Answer> => {
    try {
      return await runRetry(call, policy as RetryPolicy<Answer>);
    } catch (cause) {
      const ours = clearError(cause);
      if (ours !== undefined) throw ours;
      throw new OnceAgainError(
        "ONCE_STORE_UNAVAILABLE",
        "The store of intents does not answer. Whether it did what it was asked for is unknown; asking again is safe.",
        { cause, details: { mayBeStored: true } },
      );
    }
  };
  return {
    ask,
    insist: (call) =>
      askUntilAnswered(() => ask(call), { clock, pauseMs: () => pollMs, stop, triesAfterStop: 1, onFailure }),
  };
}

/** The errors that only say how often, or for how long, the store was asked. */
const limitCodes: readonly ErrorCode[] = ["ONCE_ATTEMPTS_EXHAUSTED", "ONCE_ATTEMPT_TIMEOUT", "ONCE_DEADLINE_EXCEEDED"];

/** An error of ours with which the store itself said what is the matter, rather than one of a limit. */
function clearError(error: unknown): OnceAgainError | undefined {
  if (!OnceAgainError.isInstance(error)) return undefined;
  return limitCodes.includes(error.code) ? clearError(error.cause) : error;
}
