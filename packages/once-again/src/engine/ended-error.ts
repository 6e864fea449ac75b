import { OnceAgainError } from "../core/errors.ts";

/** What `execution.signal` aborts with when its operation ended otherwise than done: the handler may be at work still. */
export function operationEndedError(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_OPERATION_ENDED",
    "This operation was answered with a failure, so its handler must not go on: whatever it does from now on, nobody " +
      "keeps a record of, and another attempt may be at it.",
  );
}
