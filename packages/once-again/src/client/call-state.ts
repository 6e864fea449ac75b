import type { Clock } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";
import { isSafeMethod } from "../delivery/index.ts";
import { findProgramFault, programFaultVerdict } from "../delivery/program-fault.ts";
import type { Decision } from "../retry/index.ts";
import type { Repeats } from "./repeats.ts";
import {
  applyCondition,
  decideOn,
  type Failure,
  isNotAuthoritative,
  mayHaveHappened,
  type ResponseHead,
} from "./should-retry.ts";

/** The facts about a call before its first attempt. */
export interface CallFacts {
  readonly method: string;
  readonly key: string | undefined;
  /** Whether it may be sent again after an attempt that may have arrived. */
  readonly repeats: Repeats;
  /** It is part of an attempt of an outer call, which may make another. */
  readonly isNested: boolean;
}

/**
 * The state of one call: the evidence of its attempts so far. The functions on it neither wait nor send: `fetch`, undici and
 * axios share them, so that the rules for an outcome in doubt stand in one place.
 */
export interface CallState<Res extends ResponseHead> extends CallFacts {
  /** Attempts that have ended. */
  attempts: number;
  /** The status of the last of them; `undefined` when it had no response. */
  status: number | undefined;
  /** The failure of the last of them; `undefined` if it did not fail. */
  failure: Failure<Res> | undefined;
  /** One of them may have been executed, or may yet be. */
  mayHaveHappened: boolean;
}

export function callState<Res extends ResponseHead>(facts: CallFacts): CallState<Res> {
  const { method, key, repeats, isNested } = facts;
  return {
    method,
    key,
    repeats,
    isNested,
    attempts: 0,
    status: undefined,
    failure: undefined,
    mayHaveHappened: false,
  };
}

/** Records what failed in one sending. Layers may send several times in one attempt, and show only one of the outcomes. */
export function recordSending<Res extends ResponseHead>(call: CallState<Res>, failure: Failure<Res> | undefined): void {
  call.mayHaveHappened ||= failure !== undefined && mayHaveHappened(failure);
}

/**
 * Records the end of an attempt, and decides what follows.
 *
 * @param end.wasSent whether its request left this machine.
 * @param end.isRetryWanted the result of the caller's retry condition; `undefined`: it leaves the decision to the rule.
 */
export function decideAttempt<Res extends ResponseHead>(
  call: CallState<Res>,
  end: {
    readonly status: number | undefined;
    readonly failure: Failure<Res> | undefined;
    readonly wasSent: boolean;
    readonly isRetryWanted: boolean | undefined;
  },
): Decision {
  const wasInDoubt = call.mayHaveHappened;
  call.attempts += 1;
  call.status = end.status;
  call.failure = end.failure;
  recordSending(call, end.failure);
  if (end.failure === undefined) return { action: "done" };
  const { areSafe } = call.repeats;
  const rule = decideOn(end.failure, areSafe, wasInDoubt);
  const decision = applyCondition(rule, end.isRetryWanted, end.failure, areSafe);
  if (decision.action !== "retry") return decision;
  if (call.isNested) return { action: "stop", why: "nested" };
  return { ...decision, free: !end.wasSent, noEffect: !call.mayHaveHappened };
}

/**
 * The error of a call that ended while its operation may be executed; `undefined` when it ends as it is, with its last
 * response or error.
 *
 * A safe method leaves no doubt. The outer call, if there is one, may ask again with the same key. Without a key
 * any response is the end: a POST is not sent again after a doubt, and repeating a PUT does no harm. With a key only an
 * authoritative response is.
 *
 * @param end.by the kind of outcome with which the call would end.
 * @param end.cause the error that the call would end with, or that a client made of the response.
 * @param clock dates the retry by its wall time; it is read only then.
 */
export function unknownOutcome<Res extends ResponseHead>(
  call: CallState<Res>,
  end: { readonly by: "response" | "error"; readonly cause: unknown },
  clock: Pick<Clock, "now">,
): OnceAgainError | undefined {
  const { attempts, failure, key, method, repeats, status } = call;
  if (!call.mayHaveHappened || isSafeMethod(method) || (call.isNested && repeats.areSafe)) return undefined;
  if (end.by === "response" && (key === undefined || !isNotAuthoritative(failure))) return undefined;
  const delayMsMin = failure?.delayMsMin;
  const retryAt = delayMsMin === undefined ? undefined : { retryAt: clock.now() + delayMsMin };
  const fault = failure?.verdict === programFaultVerdict ? findProgramFault(end.cause) : undefined;
  return outcomeUnknownError({ attempts, key, status, ...retryAt }, end.cause, repeats.unknownOrigin, fault);
}

/**
 * The error of a call that ends with another request's success; `undefined` where that is returned as `fetch` returns it.
 *
 * @param response the response, which is another request's.
 * @param isRefused whether the user has chosen that such a response is no success.
 */
export function foreignOutcome<Res extends ResponseHead>(
  { attempts, key, mayHaveHappened: wasInDoubt, status }: CallState<Res>,
  response: { readonly url: string },
  isRefused: boolean,
): OnceAgainError | undefined {
  if (!isRefused && !wasInDoubt) return undefined;
  const url = URL.parse(response.url);
  const place = url === null ? "elsewhere" : url.origin + url.pathname;
  return new OnceAgainError(
    "ONCE_OUTCOME_UNKNOWN",
    `The response comes from ${place}, and answers another request: it does not say whether this one was executed. If it is ` +
      "its response, name that place in the option `trustRedirects`.",
    { details: { attempts, key, status, url: place } },
  );
}

/** The details of a call that gave up. */
interface OutcomeUnknownDetails {
  attempts: number;
  key: string | undefined;
  /** The status of the last response; `undefined` when there was none. */
  status: number | undefined;
  /** From when the server asked to be asked again, since the epoch, in milliseconds; missing when it did not. */
  retryAt?: number;
}

/**
 * The error of a call that gave up while the operation may have been executed. `cause` is why it gave up: the attempt's
 * error, or the error of the limit that was reached; `undefined` when the last attempt had a response.
 *
 * @param unknownOrigin the origin that is not known to honour keys, where the request is not sent again for that reason.
 * @param fault the fault of the program, where that ended the call.
 */
export function outcomeUnknownError(
  details: OutcomeUnknownDetails,
  cause: unknown,
  unknownOrigin: string | undefined,
  fault?: string,
): OnceAgainError {
  const own =
    fault === undefined
      ? ""
      : `The function that sends requests failed by itself (${fault}), not the network: mend it. `;
  return new OnceAgainError(
    "ONCE_OUTCOME_UNKNOWN",
    `${own}The request may or may not have been executed. ${advise(details.key, unknownOrigin)}`,
    { cause, details: { ...details } },
  );
}

function advise(key: string | undefined, unknownOrigin: string | undefined): string {
  const lookUp = "Look the effect up before you send the request again.";
  if (unknownOrigin !== undefined) {
    const [server, keys] = unknownOrigin === "" ? ["Its server", "true"] : [unknownOrigin, `["${unknownOrigin}"]`];
    return `${server} is not known to honour keys, so it was not sent again. ${lookUp} If it does, add \`keys: ${keys}\` to the options.`;
  }
  return key === undefined ? lookUp : "Send it again with the same key (details.key) and body to learn its outcome.";
}
