/**
 * Every code that an error of this library can carry, with what it means in one line. Each has a page
 * `docs/errors/<code>.md`; a test holds the two equal.
 */
export const errorCodes = {
  ONCE_OPTION_INVALID: "An option has a value that makes no sense.",
  ONCE_ATTEMPTS_EXHAUSTED: "Every allowed attempt was made and failed.",
  ONCE_DEADLINE_EXCEEDED: "The deadline of the whole call came, or the next wait would not end before it.",
  ONCE_ATTEMPT_TIMEOUT: "One attempt took longer than its time-out.",
  ONCE_BUDGET_EXHAUSTED: "The retry budget of this origin is empty: too few calls succeed at present.",
  ONCE_CIRCUIT_OPEN: "The circuit breaker is open: too many of the last calls failed.",
  ONCE_THROTTLED: "The throttle held the call back: the server refuses too many at present.",
  ONCE_QUEUE_FULL: "Too many calls wait for a free place already.",
  ONCE_OUTCOME_UNKNOWN: "The operation may or may not have been carried out.",
  ONCE_BODY_NOT_REPLAYABLE: "The body can be sent only once, or could not be made again.",
  ONCE_KEY_INVALID: "The idempotency key is missing or malformed.",
  ONCE_KEY_REUSED: "The idempotency key was used before with another request.",
  ONCE_KEY_EXPIRED: "The idempotency key is older than the server remembers.",
  ONCE_IN_PROGRESS: "The operation with this key is still running.",
  ONCE_QUOTA_EXCEEDED: "This caller has brought too many new idempotency keys of late.",
  ONCE_BODY_TOO_LARGE: "The request's body is larger than allowed.",
  ONCE_BODY_CONSUMED: "The request's body was read before it could be fingerprinted.",
  ONCE_RESULT_TOO_LARGE: "The answer is larger than the server keeps.",
  ONCE_NO_EFFECT: "The operation failed and nothing happened.",
  ONCE_HANDLER_FAILED: "The handler failed.",
  ONCE_HANDLER_TIMEOUT: "The handler took longer than it may; what it has done, or will do yet, is unknown.",
  ONCE_OPERATION_ENDED: "The operation has ended; what its handler was given is of no use any more.",
  ONCE_MOUNTED_TWICE: "A request passes once-again twice.",
  ONCE_LEASE_LOST: "This worker no longer owns the key.",
  ONCE_SEAL_BROKEN: "A sealed result can't be opened with the keys given.",
  ONCE_STEP_CHANGED: "An operation's steps are not those of its earlier run.",
  ONCE_RECORD_BROKEN: "A record in the store is not what any store has written.",
  ONCE_STORE_UNAVAILABLE: "The store did not answer, or not in time.",
  ONCE_RESULT_UNCONFIRMED: "The handler ran, and the store did not confirm what became of its result.",
  ONCE_UNSAFE_PAIR: "This store can't keep what this mode promises.",
  ONCE_INTENT_CONFLICT: "There is an intent of this id with another request.",
  ONCE_INTENT_SECRET: "The request has a header that must not be written to disk.",
  ONCE_INTENTS_FULL: "Too many intents are pending or unknown.",
  ONCE_TARGET_UNFIT: "The server under test can't be reached, or does not carry out a plain operation.",
  ONCE_HANDLER_UNSAFE: "A handler under test had two effects of one key, or lost its answer.",
  ONCE_CLOSED: "It is shutting down, or shut, and takes no new operations.",
} as const;

/** The code of an error of this library. */
export type ErrorCode = keyof typeof errorCodes;
