import { notify } from "../core/events.ts";
import { isSafeMethod } from "../delivery/index.ts";
import { type Attempt, type Outcome, settle, valueOf } from "../retry/attempt.ts";
import type { Decision } from "../retry/index.ts";
import { runRetry } from "../retry/retry.ts";
import type { FetchSettings } from "./fetch-options.ts";
import { outcomeUnknown } from "./outcome-unknown.ts";
import type { PreparedRequest } from "./prepared-request.ts";
import {
  type Answer,
  decideOn,
  type Failure,
  failureOf,
  leavesFateUnknown,
  leavesInDoubt,
  unsent,
} from "./retry-rule.ts";

/** Sends a request until its answer is no failure, or until trying on makes no sense: see `retryingFetch`. */
export async function sendUntilAnswered<Answered extends Answer>(
  request: PreparedRequest<Answered>,
  settings: FetchSettings,
): Promise<Answered> {
  const { method, url, key, outer, repeatable, signal } = request;
  const { policy } = settings;
  const call = {};
  let attempts = 0;
  let status: number | undefined;
  let failure: Failure<Answered> | undefined;
  let fateUnknown = false;
  let isSent = false;
  let discarded: void | Promise<void>;

  const judge = (outcome: Outcome<Answered>, wasSent: boolean): Failure<Answered> | undefined => {
    const found = failureOf(outcome, policy.clock.now());
    const judged = found !== undefined && !wasSent ? unsent(found) : found;
    fateUnknown ||= judged !== undefined && leavesFateUnknown(judged);
    return judged;
  };
  // Of several sendings within one attempt the layers show one outcome; the others may leave something open too.
  const sendOnce = async (attempt: Attempt): Promise<Answered> => {
    isSent = true;
    const outcome = await settle(() => request.send(attempt.signal, attempt), attempt);
    judge(outcome, true);
    return valueOf(outcome);
  };
  const layered = settings.layerOf(request.origin)(sendOnce);
  const operation = async (attempt: Attempt): Promise<Answered> => {
    isSent = false;
    // The answer before has been read to its end, so that its connection can be used again.
    await discarded;
    // Its time may be over by now, and whoever cut it counts on it that nothing leaves any more.
    attempt.signal.throwIfAborted();
    return layered(attempt);
  };

  // Whoever makes the outer attempt may make another, with the same key.
  const isTold = !isSafeMethod(method) && !(outer !== undefined && repeatable);
  try {
    const answer = await runRetry<Answered>(operation, {
      ...policy,
      deadlineMs: deadlineOf(request, settings),
      signal,
      repeatable,
      budget: settings.budgetOf(request.origin),
      decide(outcome, attempt): Decision {
        attempts = attempt;
        status = "value" in outcome ? outcome.value.status : undefined;
        failure = judge(outcome, isSent);
        if (failure === undefined) return { action: "done" };
        const decision = decideOn(failure, repeatable);
        return outer !== undefined && decision.action === "retry" ? { action: "stop", why: "nested" } : decision;
      },
      onEvent(event) {
        if (event.type === "retry-scheduled" && failure?.response !== undefined) {
          discarded = request.discard(failure.response);
        }
        notify(settings.onEvent, { ...event, call, method, url, key, status, verdict: failure?.verdict });
      },
    });
    if (!isTold || key === undefined || !fateUnknown || !leavesInDoubt(failure)) return answer;
    void request.discard(answer);
  } catch (error) {
    if (!isTold || !fateUnknown || signal?.aborted) throw error;
    throw outcomeUnknown({ attempts, key, status }, error);
  }
  throw outcomeUnknown({ attempts, key, status });
}

/** How long the whole call may take: as the options say, no longer than its key is remembered or is waited for. */
function deadlineOf({ key, outer }: PreparedRequest<Answer>, { keyedDeadlineMs, policy }: FetchSettings): number {
  const own = key === undefined ? (policy.deadlineMs ?? Number.POSITIVE_INFINITY) : keyedDeadlineMs;
  return Math.min(own, outer?.remainingMs ?? Number.POSITIVE_INFINITY);
}
