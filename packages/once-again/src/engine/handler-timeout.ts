import { Deadline } from "../core/deadline-timer.ts";
import { OnceAgainError } from "../core/errors.ts";
import { LazyAbort } from "../core/lazy-abort.ts";
import type { CheckedEngineOptions } from "./options.ts";

/** Whose handler it is. */
export interface TimeoutHolder {
  /** Is told that the time is over, before anybody else. */
  timeIsOver(error: OnceAgainError): void;
}

/** The time that one run of a handler has. */
export class HandlerTimeout extends Deadline {
  /** Aborts with `ONCE_HANDLER_TIMEOUT` when the time is over. Whoever else may stop the handler aborts it, too. */
  readonly abort = new LazyAbort();
  readonly #options: Pick<CheckedEngineOptions, "deadlines" | "handlerMsMax">;
  readonly #holder: TimeoutHolder | undefined;
  #over: OnceAgainError | undefined;
  /** Those who wait no longer than until the time is over. */
  #waiting: ((error: OnceAgainError) => void)[] | undefined;

  constructor(options: Pick<CheckedEngineOptions, "deadlines" | "handlerMsMax">, holder?: TimeoutHolder) {
    super();
    this.#options = options;
    this.#holder = holder;
    const { handler } = options.deadlines;
    handler.set(this, handler.clock.monotonic() + options.handlerMsMax);
  }

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** Waits for a promise no longer than until the time is over; then it rejects with the signal's reason. */
  within<Value>(awaited: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      awaited.then(resolve, reject);
      if (this.#over === undefined) (this.#waiting ??= []).push(reject);
      else reject(this.#over);
    });
  }

  /** The handler has ended: its time does not pass any more. With a reason, the signal aborts with it. */
  stop(reason?: Error): void {
    this.#options.deadlines.handler.clear(this);
    if (reason !== undefined) this.abort.abort(reason);
  }

  onDue(): void {
    const over = new OnceAgainError(
      "ONCE_HANDLER_TIMEOUT",
      `The handler did not end within ${this.#options.handlerMsMax} ms. What it has done, or will do yet, is unknown.`,
    );
    this.#over = over;
    this.#holder?.timeIsOver(over);
    this.abort.abort(over);
    for (const reject of this.#waiting ?? []) reject(over);
  }
}
