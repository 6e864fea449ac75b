import { Deadline } from "../core/deadline-timer.ts";
import { OnceAgainError } from "../core/errors.ts";
import type { CheckedEngineOptions } from "./options.ts";

/** The attempt that the handler runs for. */
export interface TimeoutHolder {
  /** Is called first when the time is over, before the signal aborts. */
  timeIsOver(error: OnceAgainError): void;
}

/** The time that one run of a handler has. */
export class HandlerTimeout extends Deadline {
  readonly #options: Pick<CheckedEngineOptions, "deadlines" | "handlerMsMax" | "workEndsAt">;
  readonly #holder: TimeoutHolder | undefined;
  #abort: AbortController | undefined;
  #over: OnceAgainError | undefined;
  #listeners: ((error: OnceAgainError) => void)[] | undefined;

  constructor(
    options: Pick<CheckedEngineOptions, "deadlines" | "handlerMsMax" | "workEndsAt">,
    holder?: TimeoutHolder,
  ) {
    super();
    this.#options = options;
    this.#holder = holder;
    const { handler } = options.deadlines;
    const endsAt = handler.clock.monotonic() + options.handlerMsMax;
    handler.set(this, Math.min(endsAt, options.workEndsAt ?? endsAt));
  }

  /**
   * Aborts with `ONCE_HANDLER_TIMEOUT` when the time is over, and with the reasons of those who may stop the handler earlier.
   * It is made when it is first asked for: most handlers never read their signal.
   */
  get abort(): AbortController {
    return (this.#abort ??= new AbortController());
  }

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** Calls a function when the time is over: at once, if it is. */
  whenOver(listener: (error: OnceAgainError) => void): void {
    if (this.#over === undefined) (this.#listeners ??= []).push(listener);
    else listener(this.#over);
  }

  /** Waits for a promise no longer than until the time is over; then it rejects with the signal's reason. */
  within<Value>(awaited: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      awaited.then(resolve, reject);
      this.whenOver(reject);
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
    for (const listener of this.#listeners ?? []) listener(over);
  }
}
