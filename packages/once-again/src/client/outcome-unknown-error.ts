import { OnceAgainError } from "../core/errors.ts";

/** What is known of a call that gave up. */
interface OutcomeUnknownDetails {
  attempts: number;
  key: string | undefined;
  /** The status of the last answer; `undefined` when there was none. */
  status: number | undefined;
  /** From when the server asked to be asked again, since the epoch, in milliseconds; missing when it did not. */
  retryAt?: number;
}

/**
 * The error of a call that gave up while the operation may be carried out. `cause` is why it gave up: the attempt's
 * error, or the error of the limit that was reached; `undefined` when the last attempt was answered.
 */
export function outcomeUnknownError(details: OutcomeUnknownDetails, cause?: unknown): OnceAgainError {
  const { key } = details;
  const advice =
    key === undefined
      ? "Look the effect up before you send the request again."
      : "Send it again with the same key (details.key) and the same body to learn its outcome.";
  return new OnceAgainError("ONCE_OUTCOME_UNKNOWN", `The request may or may not have been carried out. ${advice}`, {
    cause,
    details: { ...details },
  });
}
