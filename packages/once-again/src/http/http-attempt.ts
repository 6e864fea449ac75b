import { type Awaitable, isPromise } from "../core/awaitable.ts";
import { OnceAgainError } from "../core/errors.ts";
import type { Execution, OpenAttempt, Outcome, WorkResult } from "../engine/engine.ts";
import { hadNoEffect } from "../engine/execution.ts";
import { readEffect } from "../engine/run-work.ts";
import type { CheckedHttpRules } from "./checked-rules.ts";
import {
  encodeResponse,
  type HandlerResponse,
  type HttpHandler,
  type HttpResponse,
  responseOf,
  sendProblem,
  withoutTrailer,
} from "./response.ts";
import { problem, type ProblemCode, refusalTo, responseToError } from "./refusals.ts";

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
    return finish("result" in outcome ? responseOf(outcome) : refusalTo(outcome.kind, rules));
  }

  #responseToError(error: unknown): HttpResponse {
    const { finish, rules } = this.#parts;
    return finish(responseToError(error, rules));
  }
}

/** The rules of a route for its handler's responses. */
type ResponseRules = Pick<
  CheckedHttpRules<never>,
  | "transactional"
  | "resultBytesMax"
  | "failureOf"
  | "noEffectStatuses"
  | "onError"
  | "profile"
  | "problemBase"
  | "reusedStatus"
  | "retryAfterSeconds"
>;

/**
 * The effect of a handler, by the status of its response.
 *
 * @throws RangeError for a response that can't be sent, or that is too large for one that may be of no effect.
 */
function resultOf(given: HttpResponse, rules: ResponseRules): WorkResult<HandlerResponse> {
  const unsendable = sendProblem(given);
  if (unsendable !== undefined) throw new RangeError(`The answer to this operation can't be sent: ${unsendable}.`);
  const response = withoutTrailer(given);
  const effect = effectOf(response, rules);
  const bytes = encodeResponse(response);
  if (bytes.length <= rules.resultBytesMax) return { effect, result: { response, bytes } };
  if (effect === "done" || effect === "refused") return tooLarge(rules);
  throw new RangeError("The handler failed, with an answer that is larger than limits.resultBytesMax.");
}

/**
 * The effect of a handler that threw, with a response for this request and for its repeats.
 *
 * @param execution says whether the handler had no effect, whatever it threw.
 */
function resultOfError(
  error: unknown,
  rules: ResponseRules,
  execution: Execution<unknown>,
): WorkResult<HandlerResponse> {
  const withProblem = (code: ProblemCode, detail: string): HandlerResponse => ({
    response: problem(rules, code, detail),
  });
  if (OnceAgainError.isInstance(error, "ONCE_NO_EFFECT")) {
    return { effect: "none", result: withProblem("ONCE_NO_EFFECT", error.message) };
  }
  if (OnceAgainError.isInstance(error, "ONCE_RESULT_TOO_LARGE")) return tooLarge(rules);
  const effect = readEffect(error, execution);
  if (effect === "held") return { effect, result: withProblem("ONCE_OUTCOME_UNKNOWN", (error as Error).message) };
  rules.onError(error);
  if (OnceAgainError.isInstance(error, "ONCE_MOUNTED_TWICE")) {
    return { effect: "none", result: withProblem("ONCE_MOUNTED_TWICE", error.message), cause: error };
  }
  const detail = effect === "none" || rules.transactional ? noEffectDetail : unknownDetail;
  return { effect: "unknown", result: withProblem("ONCE_HANDLER_FAILED", detail), cause: error };
}

const noEffectDetail =
  "The service failed at this operation, and nothing of it happened. It may be sent again, with its key.";
const unknownDetail = "The service failed at this operation. What it had done by then is unknown.";

function tooLarge(rules: ResponseRules): WorkResult<HandlerResponse> {
  const { transactional } = rules;
  const detail = transactional
    ? "The response is too large to be stored, so the operation was rolled back. The service must raise limits.resultBytesMax."
    : "The operation was executed, but its response is too large to be stored. Don't send it under another key.";
  return {
    effect: transactional ? "none" : "done",
    result: { response: problem(rules, "ONCE_RESULT_TOO_LARGE", detail) },
  };
}

/** Statuses that ask the caller to come back: a stored one would turn every repeat away (RFC 9110, RFC 8470, RFC 6585). */
const comeBack: ReadonlySet<number> = new Set([408, 425, 429]);

/**
 * The effect that a response shows, by its status and then by the route's own rule, which can make it a failure but never a
 * success. In a transaction, a response that asks the caller to come back is rolled back with the key, so that a repeat runs
 * afresh; elsewhere only `noEffect()` can say that nothing happened. A 408 to a request that came whole is from a time-out
 * behind us, and the handler may be at work: it is no refusal.
 */
function effectOf(
  answer: HttpResponse,
  { transactional, failureOf, noEffectStatuses }: ResponseRules,
): WorkResult["effect"] {
  const { status } = answer;
  if (status >= 500) return "unknown";
  if (noEffectStatuses.has(status)) return "none";
  if (transactional && comeBack.has(status)) return "none";
  if (status === 408) return "unknown";
  const failure = failureOf?.(answer);
  if (failure === "failed") return "unknown";
  return failure === "refused" || status >= 400 ? "refused" : "done";
}
