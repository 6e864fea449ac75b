import { OnceAgainError } from "../core/errors.ts";
import type { Steps } from "./steps.ts";

/** What a handler is told of the operation that it carries out. */
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
   * itself or by somebody else. Stop then: nobody waits for it, and another may be at it.
   */
  readonly signal: AbortSignal;
  /** Whether an earlier attempt may have had effects. */
  readonly abandoned: boolean;
  /** Recovery points, for operations of several steps. */
  readonly step: Steps;
  /** In transactional mode, the open transaction: write through it, and the effect commits with the key. */
  readonly transaction: Transaction;
  /** Says that nothing happened, whatever the handler answers then: the answer is not kept, a retry runs afresh. */
  noEffect(): void;
}

/**
 * Thrown by a handler that knows that nothing happened: the key is released, and a retry runs afresh.
 *
 * A handler that throws anything else leaves the outcome unknown.
 */
export class NoEffectError extends OnceAgainError {
  /** @param message goes to the caller, as the `detail` of the answer. */
  constructor(message: string, options: { cause?: unknown } = {}) {
    super("ONCE_NO_EFFECT", message, options);
    this.name = "NoEffectError";
  }
}

/** What the engine tells the work of one operation. */
export type Attempt<Transaction> = Omit<Execution<Transaction>, "noEffect">;

/**
 * What one run of the work did: `done` (it happened), `refused` (it answered with a failure that is to be kept),
 * `none` (nothing happened), `unknown` (it failed and can't tell), `held` (it can't tell, and no policy may run it again
 * or settle it). `result` is the answer, as it would be stored.
 */
export interface WorkResult {
  effect: "done" | "refused" | "none" | "unknown" | "held";
  result: Uint8Array;
  /** What the work failed with, if it did: a conflict between transactions is no failure of the work. */
  cause?: unknown;
}

/** The work of one operation. It tells its failures by what it returns; if it throws, the outcome is unknown. */
export type Work<Transaction> = (attempt: Attempt<Transaction>) => Promise<WorkResult>;

/** What work is told that has no record of its own: without a key, or inside one transaction with it. */
export function firstAttempt<Transaction>(
  name: { scope: string; key: string | undefined },
  transaction: Transaction,
  step: Steps,
  signal: AbortSignal,
): Attempt<Transaction> {
  return { scope: name.scope, key: name.key, attempt: 1, abandoned: false, fence: 0, signal, step, transaction };
}
