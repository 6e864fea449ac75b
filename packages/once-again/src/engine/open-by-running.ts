import type { OnceAgainError } from "../core/errors.ts";
import type { Execution, OpenAttempt, Outcome, Work, WorkResult } from "./engine.ts";

/**
 * Opens an attempt inside of a call that needs its work as a function, as a transaction does: the function ends when the
 * attempt is settled.
 *
 * @param run runs the work once, and again where its first run came to nothing.
 */
export function openByRunning<Transaction, Value>(
  run: (work: Work<Transaction, Value>) => Promise<Outcome<Value>>,
): Promise<OpenAttempt<Transaction, Value> | Outcome<Value>> {
  return new Promise((resolve, reject) => {
    let attempt: AttemptInWork<Transaction, Value> | undefined;
    const outcome = run((execution) => {
      if (attempt !== undefined) return attempt.runAgain(execution);
      attempt = new AttemptInWork(execution, () => outcome);
      resolve(attempt);
      return attempt.ended;
    });
    // Both do nothing where the work has begun.
    outcome.then(resolve, reject);
  });
}

class AttemptInWork<Transaction, Value> implements OpenAttempt<Transaction, Value> {
  readonly kind = "attempt";
  execution: Execution<Transaction>;
  readonly #outcome: () => Promise<Outcome<Value>>;
  #ended = Promise.withResolvers<WorkResult<Value>>();
  #hasEnded = false;
  #again: (() => void) | undefined;

  constructor(execution: Execution<Transaction>, outcome: () => Promise<Outcome<Value>>) {
    this.execution = execution;
    this.#outcome = outcome;
  }

  /** The promise that the work returns. */
  get ended(): Promise<WorkResult<Value>> {
    return this.#ended.promise;
  }

  settle(ended: WorkResult<Value>): Promise<Outcome<Value>> {
    this.#hasEnded = true;
    this.#ended.resolve(ended);
    return this.#outcome();
  }

  async fail(error: unknown): Promise<never> {
    this.#hasEnded = true;
    this.#ended.reject(error);
    await this.#outcome();
    throw error;
  }

  whenTimeIsOver(listener: (error: OnceAgainError) => void): void {
    this.#outcome().catch((error: OnceAgainError) => {
      if (!this.#hasEnded) listener(error);
    });
  }

  whenRunAgain(listener: () => void): void {
    this.#again = listener;
  }

  /** The transaction of the run before was rolled back. */
  runAgain(execution: Execution<Transaction>): Promise<WorkResult<Value>> {
    this.execution = execution;
    this.#ended = Promise.withResolvers();
    this.#hasEnded = false;
    this.#again?.();
    return this.ended;
  }
}
