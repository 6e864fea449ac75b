import { OnceAgainError } from "../core/errors.ts";

/** The error for an id that names another request already. */
export function conflictError(id: string): OnceAgainError {
  return new OnceAgainError(
    "ONCE_INTENT_CONFLICT",
    "There is an intent of this id with another request. Nothing was stored or sent. Another operation needs another id.",
    { details: { id } },
  );
}

/** The error for one intent more than may be open. */
export function fullError(openMax: number): OnceAgainError {
  return new OnceAgainError(
    "ONCE_INTENTS_FULL",
    `${openMax} intents are pending or unknown, and openMax allows no more. Nothing was stored or sent. See list().`,
    { details: { openMax } },
  );
}

/** The error after `close()`. */
export function closedError(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_CLOSED",
    "These intents are closed. Those that have not ended stay in the store: resume() carries them on.",
  );
}

/** The error for an intent that vanished while its outcome was waited for. */
export function lostError(id: string): OnceAgainError {
  return new OnceAgainError(
    "ONCE_OUTCOME_UNKNOWN",
    "The store lost this intent before its outcome was seen: its data were cleared, or it was forgotten. Submit the same id and request here again: they are sent with the same key.",
    { details: { id } },
  );
}
