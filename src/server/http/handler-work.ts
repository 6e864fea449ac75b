import { OnceAgainError } from "../../core/errors.ts";
import type { Ended, Execution, Work } from "../execution.ts";
import { isHeldError } from "../held-error.ts";
import { encodeAnswer, type HttpAnswer } from "./answer.ts";
import type { ProblemCode } from "./problem.ts";

/** A handler as the rules see it. `body` is the request's, read already. */
export type HttpHandler<Transaction> = (
  execution: Execution<Transaction>,
  body: Uint8Array<ArrayBuffer>,
) => Promise<HttpAnswer>;

/** What a handler's run came to: its effect, and the answer that the caller gets. */
interface Run {
  effect: Ended["effect"];
  answer: HttpAnswer;
  /** The answer as it is kept, where its size had to be looked at. */
  result?: Uint8Array;
  cause?: unknown;
}

/** The rules of a route for its handler's answers. */
interface AnswerRules {
  resultBytesMax: number;
  /** Whether what the handler did can be undone. */
  transactional: boolean;
  problem: (code: ProblemCode, detail: string) => HttpAnswer;
}

/** Who is told of one run. */
interface Listeners {
  onError: (error: unknown) => void;
  /** Is given the handler's full answer, before what must not be kept is dropped. */
  onAnswer: (answer: HttpAnswer) => void;
}

/**
 * @returns a function that makes the work of one operation out of a handler: its answer becomes bytes, and its status
 *   says what it did. What a handler throws becomes an answer too, the same for this request and for its repeats.
 */
export function handlerWork<Transaction>(rules: AnswerRules) {
  return (handler: HttpHandler<Transaction>, body: Uint8Array<ArrayBuffer>, listeners: Listeners): Work<Transaction> =>
    async (attempt) => {
      let noEffect = false;
      const execution = { ...attempt, noEffect: () => void (noEffect = true) };
      let run: Run;
      try {
        run = runOf(await handler(execution, body), rules);
      } catch (error) {
        run = failed(error, rules, listeners);
      }
      const { effect, answer, result = encodeAnswer(answer), cause } = run;
      listeners.onAnswer(answer);
      return { effect: noEffect ? "none" : effect, result, cause };
    };
}

/** @throws RangeError for an answer that nobody can send, or that is too large for one that may be of no effect. */
function runOf(answer: HttpAnswer, rules: AnswerRules): Run {
  if (!isFinalStatus(answer.status)) throw new RangeError(`The handler answered with status ${answer.status}.`);
  const effect = effectOf(answer.status, rules.transactional);
  const result = encodeAnswer(answer);
  if (result.length <= rules.resultBytesMax) return { effect, answer, result };
  if (effect === "done" || effect === "refused") return tooLarge(rules);
  throw new RangeError("The handler failed, with an answer that is larger than resultBytesMax.");
}

function failed(error: unknown, rules: AnswerRules, { onError }: Listeners): Run {
  const { problem } = rules;
  if (OnceAgainError.isInstance(error, "ONCE_NO_EFFECT")) {
    return { effect: "none", answer: problem("ONCE_NO_EFFECT", error.message) };
  }
  if (OnceAgainError.isInstance(error, "ONCE_RESULT_TOO_LARGE")) return tooLarge(rules);
  if (isHeldError(error)) return { effect: "held", answer: problem("ONCE_OUTCOME_UNKNOWN", error.message) };
  onError(error);
  const answer = problem("ONCE_HANDLER_FAILED", "The service failed at this operation.");
  return { effect: "unknown", answer, cause: error };
}

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

/** Whether a status can be sent, and sent again: neither informational nor out of HTTP's range (RFC 9110, 15). */
function isFinalStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 200 && status <= 599;
}

/** Statuses that ask the caller to come back: a kept one would turn every repeat away (RFC 9110, RFC 8470, RFC 6585). */
const comeBack: ReadonlySet<number> = new Set([408, 425, 429]);

/**
 * What the status of a handler's answer says of its effect. In a transaction, what asks the caller to come back is
 * undone with the key, so that a repeat runs afresh; elsewhere only `noEffect()` can say that nothing happened.
 */
function effectOf(status: number, transactional: boolean): Ended["effect"] {
  if (status >= 500) return "unknown";
  if (transactional && comeBack.has(status)) return "none";
  return status >= 400 ? "refused" : "done";
}
