import type { Awaitable } from "../core/awaitable.ts";
import type { OnceAgainError } from "../core/errors.ts";
import type { RecordName } from "../stores/store.ts";
import type { Steps } from "./steps.ts";

/** Carries each operation out once, whatever its transport: HTTP rules and brokers are built on it. */
export interface Engine<Transaction> {
  /**
   * Runs the work of one operation, unless it ran before or runs now.
   *
   * @throws OnceAgainError `ONCE_STORE_UNAVAILABLE` when the store fails before the work: nothing happened.
   *   `ONCE_RESULT_UNCONFIRMED` when it fails after the work, `ONCE_HANDLER_TIMEOUT` when the work takes longer than
   *   `handlerMsMax`: a repeat with the same key finds out. `ONCE_CLOSED` once `close` was called.
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

/** An engine whose attempts a room settles itself, as a framework does when its response has ended. */
export interface OpeningEngine<Transaction> extends Engine<Transaction> {
  /**
   * Claims the key of an operation, at once where the store answers at once.
   *
   * @returns an attempt, which is then settled, or the outcome of an operation that must not run.
   * @throws OnceAgainError as `run` does before the work; it throws at once, or rejects.
   */
  open<Value>(operation: OnceOperation<Value>): Awaitable<OpenAttempt<Transaction, Value> | Outcome<Value>>;
  /** The same for a request that brought no key, whose outcome is always `executed`. */
  openUnkeyed<Value>(scope: string): Promise<OpenAttempt<Transaction, Value> | Outcome<Value>>;
}

/** An attempt at an operation: it owns the key until it is ended once, by `settle` or `fail`. */
export interface OpenAttempt<Transaction, Value> {
  readonly kind: "attempt";
  readonly execution: Execution<Transaction>;
  /** Ends it by what its work did. The store has that before this answers. */
  settle(ended: WorkResult<Value>): Awaitable<Outcome<Value>>;
  /** Ends it by an error of its work, whose outcome is unknown. Rejects with the error. */
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
  /** How its result is stored. */
  readonly codec: Codec<Value>;
}

/** How results become bytes for the store, and results again for repeats. What it throws is a failure of the work. */
export interface Codec<Value> {
  encode(value: Value): Uint8Array;
  decode(bytes: Uint8Array): Value;
}

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
  /** This request carried it out. */
  | { kind: "executed"; result: Value }
  /** It ran before; this is the first result. */
  | { kind: "replayed"; result: Value }
  /** Another request carries it out right now. */
  | { kind: "in-progress" }
  /** The key was used before, for another request. */
  | { kind: "mismatch" }
  /** An earlier attempt ended without a word, and the route never runs such an operation again by itself. */
  | { kind: "outcome-unknown" };

/** The operation that a handler executes, as the handler sees it. */
export interface Execution<Transaction = undefined> {
  /** The caller's key; `undefined` when the request brought none and none is required. */
  readonly key: string | undefined;
  /** Whose key it is; empty for a request that passes through. */
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
