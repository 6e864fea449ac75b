/** How long to wait for a final answer of a server that has once given none, milliseconds, and times an operation. */
const hopelessMs = 500;
const hopelessTimes = 10;

/**
 * How long a final answer is waited for. A server that says "later" for ever would take its time-out in each of twenty cases, so
 * one wait in vain shortens the next.
 */
export class Patience {
  #ms: number;
  readonly #operationMs: number;

  /** @param operationMs how long an operation takes, milliseconds. */
  constructor(timeoutMs: number, operationMs: number) {
    this.#ms = timeoutMs;
    this.#operationMs = operationMs;
  }

  /** Milliseconds. */
  get ms(): number {
    return this.#ms;
  }

  /** An answer was waited for in vain. */
  lose(): void {
    this.#ms = Math.min(this.#ms, hopelessMs + hopelessTimes * this.#operationMs);
  }
}
