import { type Awaitable, isPromise } from "../core/awaitable.ts";
import type { Execution, OpenAttempt, Outcome, WorkResult } from "../engine/engine.ts";
import { hadNoEffect } from "../engine/execution.ts";
import { resultOf, resultOfError } from "./handler-result.ts";
import type { CheckedHttpRules } from "./checked-rules.ts";
import { responseTo, responseToError } from "./responses.ts";
import type { HandlerResponse, HttpHandler, HttpResponse } from "./response.ts";

/** The parts of an attempt that its request determines. */
export interface AttemptParts<Transaction> {
  readonly rules: CheckedHttpRules<never>;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Finds the response that needs no handler: a looked-up outcome, or one to a message that is older than the last. */
  readonly respondEarly: ((execution: Execution<Transaction>) => Promise<HttpResponse | undefined>) | undefined;
  /** Gives a new key back to its quota, where none was stored. */
  readonly giveKeyBack: (() => void) | undefined;
  /** Adds the headers that every response of the route has. */
  readonly finish: (response: HttpResponse) => HttpResponse;
}

/** A request with an operation that may run. The response of its handler settles it. */
export class HttpAttempt<Transaction> {
  readonly #attempt: OpenAttempt<Transaction, HandlerResponse>;
  readonly #parts: AttemptParts<Transaction>;
  #hasGivenBack = false;

  /** @internal */
  constructor(attempt: OpenAttempt<Transaction, HandlerResponse>, parts: AttemptParts<Transaction>) {
    this.#attempt = attempt;
    this.#parts = parts;
  }

  /** The operation, as its handler sees it: pass it to users as `userExecution(execution)`. */
  get execution(): Execution<Transaction> {
    return this.#attempt.execution;
  }

  get body(): Uint8Array<ArrayBuffer> {
    return this.#parts.body;
  }

  /** The response that makes a run of the handler unnecessary. `undefined`: it runs. */
  respondEarly(): Awaitable<HttpResponse | undefined> {
    return this.#parts.respondEarly?.(this.execution);
  }

  /**
   * Ends the attempt by its handler's response.
   *
   * @returns the response to send, once the store has it. It never rejects.
   */
  settle(response: HttpResponse): Awaitable<HttpResponse> {
    let result: WorkResult<HandlerResponse>;
    try {
      result = resultOf(response, this.#parts.rules);
    } catch (error) {
      return this.fail(error);
    }
    return this.#end(result);
  }

  /** The same for a handler that threw. */
  fail(error: unknown): Awaitable<HttpResponse> {
    return this.#end(resultOfError(error, this.#parts.rules, this.execution));
  }

  /** Calls a function with a response to send when the handler has taken longer than it may. */
  whenTimeIsOver(respond: (response: HttpResponse) => void): void {
    this.#attempt.whenTimeIsOver((error) => {
      if (this.#parts.rules.transactional) this.#giveKeyBack();
      respond(this.#responseToError(error));
    });
  }

  /** Calls a function when the handler has to run again: what it did before was rolled back. */
  whenRunAgain(listener: () => void): void {
    this.#attempt.whenRunAgain(listener);
  }

  /** Runs a handler that may run again, and settles the attempt. */
  run(handler: HttpHandler<Transaction>): Promise<HttpResponse> {
    return new Promise((resolve) => {
      const runOnce = async (): Promise<void> => {
        let response: HttpResponse;
        try {
          response = (await this.respondEarly()) ?? (await handler(this.execution, this.body));
        } catch (error) {
          return resolve(this.fail(error));
        }
        resolve(this.settle(response));
      };
      this.whenTimeIsOver(resolve);
      this.whenRunAgain(() => void runOnce());
      void runOnce();
    });
  }

  #end(result: WorkResult<HandlerResponse>): Awaitable<HttpResponse> {
    if (!this.#storesNewKey(result.effect)) this.#giveKeyBack();
    const settling = this.#attempt.settle(result);
    if (!isPromise(settling)) return this.#responseTo(settling);
    return settling.then(
      (outcome) => this.#responseTo(outcome),
      (error: unknown) => this.#responseToError(error),
    );
  }

  /** A transaction that ran out of time may end a second time. */
  #giveKeyBack(): void {
    if (!this.#hasGivenBack) this.#parts.giveKeyBack?.();
    this.#hasGivenBack = true;
  }

  /** Whether a key is stored, or may be, that was not there before. */
  #storesNewKey(effect: WorkResult["effect"]): boolean {
    const effective = hadNoEffect(this.execution) ? "none" : effect;
    if (this.#parts.rules.transactional) return effective === "done" || effective === "refused";
    return this.execution.attempt === 1 && effective !== "none";
  }

  #responseTo(outcome: Outcome<HandlerResponse>): HttpResponse {
    const { finish, rules } = this.#parts;
    return finish(responseTo(outcome, rules));
  }

  #responseToError(error: unknown): HttpResponse {
    const { finish, rules } = this.#parts;
    return finish(responseToError(error, rules));
  }
}
