import { OnceAgainError } from "../core/errors.ts";
import { invalidOptionError } from "../core/options.ts";
import type { Execution, WorkResult } from "../engine/engine.ts";
import { readEffect } from "../engine/work-effect.ts";
import { retryAfterOf } from "../retry/decision.ts";
import type { RouteRules } from "./checked-rules.ts";
import { recordFault } from "../core/record-errors.ts";
import { problem, type ProblemCode } from "./refusals.ts";
import { encodeResponse, type HandlerResponse, type HttpResponse, sendProblem, withoutTrailer } from "./response.ts";

// The effect of a handler, by its response or its error: done, refused, none, unknown or held. It decides whether the
// response is stored: see `settlementOf` in engine/leased-decisions.ts, and `keeps` in engine/transactional-engine.ts.

/** The rules of a route for its handler's responses. */
type ResponseRules = Pick<
  RouteRules<never>,
  | "transactional"
  | "resultBytesMax"
  | "failureOf"
  | "noEffectStatuses"
  | "onError"
  | "profile"
  | "problemBase"
  | "reusedStatus"
  | "retryAfter"
  | "retryAfterSeconds"
>;

/**
 * The effect of a handler, by the status of its response.
 *
 * @throws RangeError for a response that can't be sent, or that is too large for one that may be of no effect.
 */
export function resultOfResponse(given: HttpResponse, rules: ResponseRules): WorkResult<HandlerResponse> {
  const unsendable = sendProblem(given);
  if (unsendable !== undefined) throw new RangeError(`The answer to this operation can't be sent: ${unsendable}.`);
  const response = withoutTrailer(given);
  const effect = effectOf(response, rules);
  const bytes = encodeResponse(response);
  if (bytes.length <= rules.resultBytesMax) return { effect, result: { response, bytes } };
  if (effect === "done" || effect === "refused") return tooLarge(rules);
  throw new RangeError("The handler failed, with an answer that is larger than limits.resultBytesMax.");
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
  const failure: unknown = failureOf?.(answer);
  if (failure === "failed") return "unknown";
  if (failure !== "refused" && failure !== undefined) {
    // A promise, of an async function, would pass for a success.
    throw invalidOptionError("failureOf", 'a function that returns "failed", "refused" or undefined, at once', failure);
  }
  return failure === "refused" || status >= 400 ? "refused" : "done";
}

/**
 * The effect of a handler that threw, with a response for this request and for its repeats.
 *
 * @param execution says whether the handler had no effect, whatever it threw.
 */
export function resultOfError(
  error: unknown,
  rules: ResponseRules,
  execution: Execution<unknown>,
): WorkResult<HandlerResponse> {
  const withProblem = (code: ProblemCode, detail: string, leastSeconds?: number): HandlerResponse => ({
    response: problem(rules, code, detail, leastSeconds),
  });
  if (OnceAgainError.isInstance(error, "ONCE_NO_EFFECT")) {
    return { effect: "none", result: withProblem("ONCE_NO_EFFECT", error.message, leastSecondsOf(error, rules)) };
  }
  if (OnceAgainError.isInstance(error, "ONCE_RESULT_TOO_LARGE")) return tooLarge(rules);
  const { scope, key } = execution;
  const about = { room: "route", scope, key };
  const effect = readEffect(error, execution);
  if (effect === "held") {
    const fault = recordFault((error as Error).cause);
    if (fault !== undefined) rules.onError(fault, about);
    return { effect, result: withProblem("ONCE_OUTCOME_UNKNOWN", (error as Error).message) };
  }
  rules.onError(error, about);
  if (OnceAgainError.isInstance(error, "ONCE_MOUNTED_TWICE")) {
    return { effect: "none", result: withProblem("ONCE_MOUNTED_TWICE", error.message), cause: error };
  }
  const detail = effect === "none" || rules.transactional ? noEffectDetail : unknownDetail;
  return { effect: "unknown", result: withProblem("ONCE_HANDLER_FAILED", detail), cause: error };
}

/** When the caller shall come back at the earliest, whole seconds: as the error says, where that is later than the route says. */
const leastSecondsOf = (error: OnceAgainError, { retryAfterSeconds }: ResponseRules): number =>
  Math.max(retryAfterSeconds, Math.ceil((retryAfterOf(error) ?? 0) / 1000));

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
