import type { ErrorCode } from "../core/error-codes.ts";
import { type ErrorDetails, OnceAgainError } from "../core/errors.ts";
import {
  type Evidence,
  failedPermanent,
  neverPermanent,
  neverTransient,
  unknownPermanent,
  unknownTransient,
  type Verdict,
} from "./verdict.ts";

/** A retry inside gave up. It says so itself where none of its attempts had an effect. */
const gaveUp = ({ noEffect }: ErrorDetails): Evidence => ({
  ...(noEffect === true ? neverTransient : unknownTransient),
  gaveUp: true,
});

/**
 * The verdicts of this library's errors, as far as they prove more than nothing. An error is never judged by its cause: that
 * is one attempt of several, or one side of the story. `never` stands only where the error is thrown before anything leaves,
 * or vouches for it.
 */
const ownVerdicts: Partial<Record<ErrorCode, Evidence | ((details: ErrorDetails) => Evidence)>> = {
  ONCE_ATTEMPTS_EXHAUSTED: gaveUp,
  ONCE_DEADLINE_EXCEEDED: gaveUp,
  ONCE_ATTEMPT_TIMEOUT: unknownTransient,
  ONCE_BUDGET_EXHAUSTED: gaveUp,
  ONCE_CIRCUIT_OPEN: neverTransient,
  ONCE_THROTTLED: neverTransient,
  ONCE_QUEUE_FULL: neverTransient,
  ONCE_OUTCOME_UNKNOWN: { ...unknownPermanent, gaveUp: true },
  ONCE_BODY_NOT_REPLAYABLE: neverPermanent,
  ONCE_KEY_INVALID: neverPermanent,
  // This request did nothing; the one that the key belongs to may have.
  ONCE_KEY_REUSED: failedPermanent,
  ONCE_IN_PROGRESS: unknownTransient,
  ONCE_QUOTA_EXCEEDED: neverTransient,
  ONCE_ARGUMENTS_UNFIT: neverPermanent,
  ONCE_BODY_TOO_LARGE: neverPermanent,
  ONCE_BODY_CONSUMED: failedPermanent,
  ONCE_NO_EFFECT: neverTransient,
  ONCE_HANDLER_FAILED: unknownTransient,
  ONCE_HANDLER_TIMEOUT: unknownTransient,
  ONCE_STORE_UNAVAILABLE: unknownTransient,
  ONCE_RESULT_UNCONFIRMED: unknownTransient,
  ONCE_INTENT_CONFLICT: neverPermanent,
  ONCE_INTENT_SECRET: neverPermanent,
  ONCE_INTENTS_FULL: neverTransient,
  ONCE_INTENTION_UNDECIDED: neverPermanent,
  ONCE_MESSAGE_INVALID: neverPermanent,
  ONCE_MESSAGE_TOO_LARGE: neverPermanent,
  ONCE_MESSAGE_REFUSED: failedPermanent,
  ONCE_MESSAGE_REJECTED: failedPermanent,
  ONCE_MARK_AHEAD: neverPermanent,
  ONCE_BROKER_UNAVAILABLE: unknownTransient,
  // A wait for an intent ends with it, too, while that intent may still be sent.
  ONCE_CLOSED: unknownTransient,
};

/** The verdict of an error of ours, also of one that has only its code left; `undefined` for any other. */
export function ownVerdict(error: object): Verdict | undefined {
  const { code } = error as { code?: unknown };
  if (typeof code !== "string" || !code.startsWith("ONCE_")) return undefined;
  // An error that is not listed may come from any attempt, and another attempt is no help.
  const verdict = ownVerdicts[code as ErrorCode] ?? unknownPermanent;
  const reason = code;
  if (typeof verdict !== "function") return { ...verdict, reason };
  return { ...verdict(OnceAgainError.isInstance(error) ? error.details : {}), reason };
}
