import { OnceAgainError } from "../core/errors.ts";
import type { WorkResult, Execution, Work } from "../engine/execution.ts";
import { isHeldError } from "../engine/held-error.ts";
import { encodeResponse, type HttpResponse } from "./response.ts";
import type { FailureOf } from "./failure.ts";
import type { ProblemCode } from "./problem.ts";
import { sendProblem, withoutTrailer } from "./sendable.ts";

/** A handler as the rules see it. `body` is the request's, read already. */
export type HttpHandler<Transaction> = (
  execution: Execution<Transaction>,
  body: Uint8Array<ArrayBuffer>,
) => Promise<HttpResponse>;

/** What a handler's run came to: its effect, and the answer that the caller gets. */
interface Run {
  effect: WorkResult["effect"];
  answer: HttpResponse;
  /** The answer as it is kept, where its size had to be looked at. */
  result?: Uint8Array;
  cause?: unknown;
}

/** The rules of a route for its handler's answers. */
interface AnswerRules {
  resultBytesMax: number;
  /** Whether what the handler did can be undone. */
  transactional: boolean;
  /** Which answers below 500 are failures, besides those of 400 and above. */
  failureOf: FailureOf | undefined;
  problem: (code: ProblemCode, detail: string) => HttpResponse;
}

/** What became of the runs of one operation, written down while they go on. */
export interface RunReport {
  /** The handler's full answer, before what must not be kept is dropped. */
  answer: HttpResponse | undefined;
  /** Whether a key is kept, or may be, that was not there before. */
  keepsNewKey: boolean;
}

/**
 * @returns a function that makes the work of one operation out of a handler: its answer becomes bytes, and its status
 *   says what it did. What a handler throws becomes an answer too, the same for this request and for its repeats; the
 *   last parameter is told of it.
 */
export function handlerWork<Transaction>(rules: AnswerRules) {
  return (
    handler: HttpHandler<Transaction>,
    body: Uint8Array<ArrayBuffer>,
    report: RunReport,
    onError: (error: unknown) => void,
  ): Work<Transaction> =>
    async (attempt) => {
      let noEffect = false;
      report.keepsNewKey = !rules.transactional && attempt.attempt === 1;
      const execution = { ...attempt, noEffect: () => void (noEffect = true) };
      let run: Run;
      try {
        run = runOf(await handler(execution, body), rules);
      } catch (error) {
        run = failed(error, rules, noEffect || rules.transactional, onError);
      }
      const { answer, result = encodeResponse(answer), cause } = run;
      const effect = noEffect ? "none" : run.effect;
      report.answer = answer;
      if (rules.transactional) report.keepsNewKey = effect === "done" || effect === "refused";
      else if (effect === "none") report.keepsNewKey = false;
      return { effect, result, cause };
    };
}

/** @throws RangeError for an answer that nobody can send, or that is too large for one that may be of no effect. */
function runOf(given: HttpResponse, rules: AnswerRules): Run {
  const unsendable = sendProblem(given);
  if (unsendable !== undefined) throw new RangeError(`The answer to this operation can't be sent: ${unsendable}.`);
  const answer = withoutTrailer(given);
  const effect = effectOf(answer, rules);
  const result = encodeResponse(answer);
  if (result.length <= rules.resultBytesMax) return { effect, answer, result };
  if (effect === "done" || effect === "refused") return tooLarge(rules);
  throw new RangeError("The handler failed, with an answer that is larger than resultBytesMax.");
}

/** @param hadNoEffect whether it is known all the same that nothing happened. */
function failed(error: unknown, rules: AnswerRules, hadNoEffect: boolean, onError: (error: unknown) => void): Run {
  const { problem } = rules;
  if (OnceAgainError.isInstance(error, "ONCE_NO_EFFECT")) {
    return { effect: "none", answer: problem("ONCE_NO_EFFECT", error.message) };
  }
  if (OnceAgainError.isInstance(error, "ONCE_RESULT_TOO_LARGE")) return tooLarge(rules);
  if (isHeldError(error)) return { effect: "held", answer: problem("ONCE_OUTCOME_UNKNOWN", error.message) };
  onError(error);
  if (OnceAgainError.isInstance(error, "ONCE_MOUNTED_TWICE")) {
    return { effect: "none", answer: problem("ONCE_MOUNTED_TWICE", error.message), cause: error };
  }
  const answer = problem("ONCE_HANDLER_FAILED", hadNoEffect ? noEffectDetail : unknownDetail);
  return { effect: "unknown", answer, cause: error };
}

const noEffectDetail =
  "The service failed at this operation, and nothing of it happened. It may be sent again, with its key.";
const unknownDetail = "The service failed at this operation. What it had done by then is unknown.";

function tooLarge({ problem, transactional }: AnswerRules): Run {
  return {
    effect: transactional ? "none" : "done",
    answer: problem(
      "ONCE_RESULT_TOO_LARGE",
      transactional
        ? "The answer is too large to be kept, so the operation was undone. The service must raise resultBytesMax."
        : "The operation was carried out, but its answer is too large to be kept. Don't send it under another key.",
    ),
  };
}

/** Statuses that ask the caller to come back: a kept one would turn every repeat away (RFC 9110, RFC 8470, RFC 6585). */
const comeBack: ReadonlySet<number> = new Set([408, 425, 429]);

/**
 * What a handler's answer says of its effect, by its status and then by the route's own rule, which can make it a failure
 * but never a success. In a transaction, what asks the caller to come back is undone with the key, so that a repeat runs
 * afresh; elsewhere only `noEffect()` can say that nothing happened. A request that came whole is answered 408 by a time-out
 * behind us, whose handler may be at work: that is no refusal of the handler's.
 */
function effectOf(answer: HttpResponse, { transactional, failureOf }: AnswerRules): WorkResult["effect"] {
  const { status } = answer;
  if (status >= 500) return "unknown";
  if (transactional && comeBack.has(status)) return "none";
  if (status === 408) return "unknown";
  const failure = failureOf?.(answer);
  if (failure === "failed") return "unknown";
  return failure === "refused" || status >= 400 ? "refused" : "done";
}
