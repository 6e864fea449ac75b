import { notify } from "../core/events.ts";
import { isSafeMethod } from "../delivery/index.ts";
import { type Attempt, settle, valueOf } from "../retry/attempt.ts";
import type { Decision } from "../retry/index.ts";
import { runRetry } from "../retry/retry.ts";
import { CallJudge } from "./call-judge.ts";
import type { FetchSettings } from "./fetch-options.ts";
import { outcomeUnknownError } from "./outcome-unknown-error.ts";
import type { SendableRequest } from "./sendable-request.ts";
import { decideOn, type Failure, isNotAuthoritative, type ResponseHead } from "./retry-rule.ts";

/** Sends a request until its answer is no failure, or until trying on makes no sense: see `retryingFetch`. */
export async function sendWithRetries<Res extends ResponseHead>(
  request: SendableRequest<Res>,
  settings: FetchSettings,
): Promise<Res> {
  const { method, url, key, outer, repeatable, signal } = request;
  const { policy } = settings;
  const call = {};
  let attempts = 0;
  let status: number | undefined;
  let failure: Failure<Res> | undefined;
  let isSent = false;
  let discarded: void | Promise<void>;
  const judge = new CallJudge(request, settings);

  // Of several sendings within one attempt the layers show one outcome; the others may leave something open too.
  const sendOnce = async (attempt: Attempt): Promise<Res> => {
    // A layer that did not hear of the end of its attempt comes too late: that attempt has been judged.
    attempt.signal.throwIfAborted();
    isSent = true;
    const outcome = await settle(() => request.send(attempt.signal, attempt), attempt);
    if ("value" in outcome && outcome.value.status === 503) await judge.look(outcome.value);
    judge.judge(outcome, true);
    return valueOf(outcome);
  };
  const layered = settings.layerOf(request.origin)(sendOnce);
  const operation = async (attempt: Attempt): Promise<Res> => {
    // The answer before has been read to its end, so that its connection can be used again.
    await discarded;
    // Its time may be over by now, and whoever cut it counts on it that nothing leaves any more.
    attempt.signal.throwIfAborted();
    return layered(attempt);
  };

  // Whoever makes the outer attempt may make another, with the same key.
  const isTold = !isSafeMethod(method) && !(outer !== undefined && repeatable);
  try {
    const answer = await runRetry<Res>(operation, {
      ...policy,
      deadlineMs: deadlineOf(request, settings),
      signal,
      repeatable,
      budget: settings.budgetOf(request.origin),
      decide(outcome, attempt): Decision {
        attempts = attempt;
        status = "value" in outcome ? outcome.value.status : undefined;
        const wasInDoubt = judge.mayHaveHappened;
        failure = judge.judge(outcome, isSent);
        if (failure === undefined) return { action: "done" };
        const decision = decideOn(failure, repeatable, wasInDoubt);
        if (decision.action !== "retry") return decision;
        if (outer !== undefined) return { action: "stop", why: "nested" };
        return { ...decision, free: !isSent, noEffect: !judge.mayHaveHappened };
      },
      onEvent(event) {
        // Also an attempt whose time is over before it begins has not been sent.
        if (event.type === "attempt-started") isSent = false;
        if (event.type === "retry-scheduled" && failure?.response !== undefined) {
          discarded = request.discard(failure.response);
        }
        notify(settings.onEvent, { ...event, call, method, url, key, status, verdict: failure?.verdict });
      },
    });
    if (!isTold || key === undefined || !judge.mayHaveHappened || !isNotAuthoritative(failure)) return answer;
    void request.discard(answer);
  } catch (error) {
    if (!isTold || !judge.mayHaveHappened || signal?.aborted) throw error;
    throw outcomeUnknownError({ attempts, key, status, ...retryAtOf(failure, policy.clock.now()) }, error);
  }
  throw outcomeUnknownError({ attempts, key, status, ...retryAtOf(failure, policy.clock.now()) });
}

function retryAtOf(failure: Failure | undefined, nowMs: number): { retryAt: number } | undefined {
  return failure?.delayMsMin === undefined ? undefined : { retryAt: nowMs + failure.delayMsMin };
}

/** How long the whole call may take: as the options say, no longer than its key is remembered or is waited for. */
function deadlineOf(request: SendableRequest<ResponseHead>, { keyedDeadlineMs, policy }: FetchSettings): number {
  const { key, outer, preparedMs = 0 } = request;
  const own = key === undefined ? (policy.deadlineMs ?? Number.POSITIVE_INFINITY) : keyedDeadlineMs;
  return Math.max(0, Math.min(own, outer?.remainingMs ?? Number.POSITIVE_INFINITY) - preparedMs);
}
