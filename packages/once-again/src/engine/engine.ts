import type { Awaitable } from "../core/awaitable.ts";
import { OnceAgainError } from "../core/errors.ts";
import type { OperationDetails } from "../core/operation-details.ts";
import type { RecordName } from "../stores/store.ts";

/** Executes each operation once, whatever its transport: HTTP rules and brokers are built on it. */
export interface Engine<Transaction> {
  /**
   * Runs the work of one operation, unless it ran before or runs now.
   *
   * @throws OnceAgainError `ONCE_STORE_UNAVAILABLE` when the store fails before the work: nothing happened.
   *   `ONCE_RESULT_UNCONFIRMED` when it fails after the work, `ONCE_HANDLER_TIMEOUT` when the work takes longer than
   *   `handlerMsMax`: a repeat with the same key finds out. `ONCE_CLOSED` once `close` was called, or where the operation's
   *   `timeLeftMs` is below 100: nothing happened.
   */
  run<Value>(operation: OnceOperation<Value>, work: Work<Transaction, Value>): Promise<Outcome<Value>>;
  /** Runs the work of a request that brought no key: as often as it is sent. Its result is stored nowhere. */
  runUnkeyed<Value>(scope: string, work: Work<Transaction, Value>): Promise<Value>;
  /**
   * Takes no new operations, and resolves when the running ones have ended, and what the store had not confirmed yet is
   * settled, or twice `storeMsMax` have passed. The store stays open.
   */
  close(): Promise<void>;
}

/** An engine for rooms that settle an attempt themselves, as a framework does when its response has ended. */
export interface OpeningEngine<Transaction> extends Engine<Transaction> {
  /**
   * Claims the key of an operation, at once where the store answers at once.
   *
   * @returns an attempt, which is then settled, or the outcome of an operation that must not run.
   * @throws OnceAgainError as `run` does before the work; it throws at once, or rejects.
   */
  open<Value>(operation: OnceOperation<Value>): Awaitable<OpenAttempt<Transaction, Value> | Outcome<Value>>;
  /** Opens an attempt for a request without a key. Its outcome is always `executed`. */
  openUnkeyed<Value>(scope: string): Promise<OpenAttempt<Transaction, Value> | Outcome<Value>>;
}

/** An attempt at an operation: it owns the key until it is ended once, by `settle` or `fail`. */
export interface OpenAttempt<Transaction, Value> {
  readonly kind: "attempt";
  readonly execution: Execution<Transaction>;
  /** Ends the attempt with the result of its work. The result is stored before this returns. */
  settle(result: WorkResult<Value>): Awaitable<Outcome<Value>>;
  /** Ends the attempt with an error of its work: the outcome is unknown. Rejects with the error. */
  fail(error: unknown): Promise<never>;
  /** Calls a function when the work has taken longer than it may. What ends later is settled all the same. */
  whenTimeIsOver(listener: (error: OnceAgainError) => void): void;
  /** Calls a function when the work has to run again, since its transaction came to nothing; `execution` is a new one. */
  whenRunAgain(listener: () => void): void;
}

/** One operation: its name, and what it is, so that a key can't be used for another. */
export interface OnceOperation<Value = Uint8Array> extends RecordName {
  /** SHA-256 of the request, hexadecimal: see `fingerprint` in once-again/key. */
  readonly fingerprint: string;
  /**
   * Fingerprints that the same request had before, the latest first: what is stored under one of them is this operation. New records get
   * `fingerprint`. Default none.
   */
  readonly earlierFingerprints?: readonly string[] | undefined;
  /** Called when the operation was found under one of those. */
  readonly onEarlierFingerprint?: ((operation: RecordName) => void) | undefined;
  /** How its result is stored. */
  readonly codec: Codec<Value>;
  /** Facts about it, for people, which are stored with its record; default none. The engine adds how an attempt ended. */
  readonly details?: Omit<OperationDetails, "reason"> | undefined;
  /**
   * How long the process that runs it has left, milliseconds, where its platform ends it then, as AWS Lambda does; default
   * for ever. With less than 100 ms it does not begin. Its work has to end a tenth of that before, a second at most, and its lease is over 2 seconds after the
   * process at the latest, so that a repeat need not wait for longer.
   */
  readonly timeLeftMs?: number | undefined;
}

/** How results become bytes for the store, and results again for repeats. What it throws is a failure of the work. */
export interface Codec<Value> {
  encode(value: Value): Uint8Array;
  decode(bytes: Uint8Array): Value;
}

/** For results that are bytes already. */
export const bytesCodec: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };

/**
 * The work of one operation. What it returns says how it ended; if it throws, the outcome is unknown, unless it has called
 * `noEffect()`.
 */
export type Work<Transaction, Value = Uint8Array> = (execution: Execution<Transaction>) => Promise<WorkResult<Value>>;

/**
 * The effect of one run of the work: `done` (it happened), `refused` (it ended with a failure that is stored),
 * `none` (nothing happened), `unknown` (it failed and can't tell), `held` (it can't tell, and no policy may run it again
 * or settle it).
 */
export interface WorkResult<Value = Uint8Array> {
  effect: "done" | "refused" | "none" | "unknown" | "held";
  /** The result for the caller, and for repeats where it is stored. */
  result: Value;
  /** The error of work that failed: a conflict between transactions is no failure of the work. */
  cause?: unknown;
}

/** The outcome of one request for an operation. */
export type Outcome<Value = Uint8Array> =
  /** This request executed it. */
  | { kind: "executed"; result: Value }
  /** It ran before; this is the first result. */
  | { kind: "replayed"; result: Value }
  /** Another request executes it right now. */
  | { kind: "in-progress" }
  /** The key was used before, for another request. */
  | { kind: "mismatch" }
  /** An earlier attempt ended without a word, and the route never runs such an operation again by itself. */
  | { kind: "outcome-unknown" };

/** The operation that a handler executes, as the handler sees it. */
export interface Execution<Transaction = undefined> {
  /** The caller's key; `undefined` when the request brought none and none is required. */
  readonly key: string | undefined;
  /** The owner of the key; empty for a request that passes through. */
  readonly scope: string;
  /** 1 for the first attempt; more when an earlier one was abandoned and the route runs such operations again. */
  readonly attempt: number;
  /** Grows with every attempt. An effect that remembers the highest fence it saw can refuse a late worker. */
  readonly fence: number;
  /**
   * Aborts with `ONCE_LEASE_LOST` when this worker no longer owns the key, with `ONCE_HANDLER_TIMEOUT` when it has worked
   * for `handlerMsMax`, and with `ONCE_OPERATION_ENDED` when its operation was answered with anything but a success, by
   * itself or by a time-out in front. Stop then: its result is not awaited, and another attempt may run.
   */
  readonly signal: AbortSignal;
  /** Whether an earlier attempt may have had effects. */
  readonly abandoned: boolean;
  /** Recovery points, for operations of several steps. */
  readonly step: Steps;
  /** In transactional mode, the open transaction: write through it, and the effect commits with the key. */
  readonly transaction: Transaction;
  /** The sender's facts about a message, verified by the route: see once-again/webhooks. */
  readonly event?: MessageFacts | undefined;
  /** Says that nothing happened, whatever the handler responds then: the response is not stored, and a retry runs afresh. */
  noEffect(): void;
}

/** The sender's facts about a message. */
export interface MessageFacts {
  /** Its id, the same in every delivery of it. */
  readonly id: string;
  /** When its event happened, by the sender's clock, milliseconds since the epoch; missing where none is signed. */
  readonly occurredAt?: number | undefined;
}

/** The answer of `reconcile` about an effect with an unknown outcome. */
export type Reconciled<Value> =
  /** It happened, and this is its result. */
  | { found: Value }
  /** The look was no help: the operation stays held. */
  | "unknown"
  /**
   * It did not happen and will not happen any more. "Not found" alone does not prove that while the first worker may
   * still be alive, so say why it can be believed: the effect checks the fence, or `quiesceMs` has passed.
   */
  | { absent: "fenced" | "quiesced" };

/**
 * The recovery points of one operation, in leased mode. The result of each step is stored; when the operation runs again,
 * a stored step does not run: its stored result is returned. Steps are known by their place and name, so the
 * same steps must come in the same order each time.
 *
 * Results are stored as JSON. In transactional mode, and without a key, there is nothing to resume: steps just run.
 *
 * Each rejects with `ONCE_STEP_CHANGED` when another name stood at its place before, `ONCE_LEASE_LOST` when the
 * operation is another worker's by now.
 */
export interface Steps {
  /**
   * A step with its effect in the store's own database: effect and result commit together, and only as long as this
   * worker owns the operation. The store must be a transactional one; annotate `transaction` with its type.
   */
  transaction<Value, Transaction>(
    name: string,
    work: (transaction: Transaction) => Value | Promise<Value>,
  ): Promise<Value>;
  /**
   * A step with its effect at a service that honours keys: it is given the same key in every re-run, derived from the
   * operation's. Needs the `secret` option.
   */
  keyed<Value>(name: string, work: (key: string) => Promise<Value>): Promise<Value>;
  /**
   * A step with an effect that can't be made safe to repeat: it is noted before and after. When a run ended between the two,
   * `reconcile` looks whether it happened; if that is no help, the operation ends with `ONCE_OUTCOME_UNKNOWN`.
   */
  once<Value>(name: string, work: () => Promise<Value>, reconcile: () => Promise<Reconciled<Value>>): Promise<Value>;
}

/**
 * Thrown by a handler that knows that nothing happened: the key is released, and a retry runs afresh.
 *
 * A handler that throws anything else leaves the outcome unknown.
 *
 * @example
 * ```ts
 * if (stock === 0) throw new NoEffectError("Sold out for the moment. Try again later.", { retryAfterMs: 60_000 });
 * ```
 */
export class NoEffectError extends OnceAgainError {
  /**
   * @param message goes to the caller, as the `detail` of the answer.
   * @param options its cause, for logs, and when the caller shall come back at the earliest, milliseconds; default as the
   *   route says, and never sooner. It is in `details.retryAfterMs`; a response has whole seconds, and up to 2 s more, by chance.
   */
  constructor(message: string, options: { cause?: unknown; retryAfterMs?: number | undefined } = {}) {
    const { retryAfterMs, ...others } = options;
    super("ONCE_NO_EFFECT", message, retryAfterMs === undefined ? others : { ...others, details: { retryAfterMs } });
    this.name = "NoEffectError";
  }
}

/** The reason of `execution.signal` when its operation ended without success: the handler may still be at work. */
export function operationEndedError(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_OPERATION_ENDED",
    "This operation has ended without success. Stop the handler: nothing records what it does from now on, and " +
      "another attempt may run at the same time.",
  );
}

/** The error for a store that failed before the work ran; its own error is the cause. */
export function storeUnavailableError(cause: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_STORE_UNAVAILABLE",
    "The store of idempotency keys does not answer. Send the request again later, with the same key.",
    { cause },
  );
}

/** The error for a store that failed after the work ran, which may have had its effect; its own error is the cause. */
export function resultUnconfirmedError(cause: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_RESULT_UNCONFIRMED",
    "The operation may have had its effect, but the store did not confirm its result. Send the request again with the " +
      "same key to learn its outcome; without a key, look the effect up.",
    { cause },
  );
}

/**
 * Whether an operation failed before its work ran, at what will not pass by itself: to invite a repeat, as for a store
 * that is down, would be no help.
 */
export function isSetupFault(error: unknown): boolean {
  if (OnceAgainError.isInstance(error, "ONCE_OPTION_INVALID")) return true;
  // A claim that the store refuses to make, beneath what asked for it twice.
  const isRefusal = OnceAgainError.isInstance(error, "ONCE_STORE_UNAVAILABLE") || isGivenUp(error);
  return isRefusal && isSetupFault((error as Error).cause);
}

const isGivenUp = (error: unknown): boolean => OnceAgainError.isInstance(error, "ONCE_ATTEMPTS_EXHAUSTED");
