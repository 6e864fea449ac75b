import { notify } from "../core/listener.ts";
import { type Attempt, type Outcome, settle, valueOf } from "../retry/attempt.ts";
import { runRetry } from "../retry/retry.ts";
import { callState, decideAttempt, recordSending, unknownOutcome } from "./call-state.ts";
import type { FetchSettings } from "./fetch-options.ts";
import { askCondition, type Failure, failureOf, markUnsent, type ResponseHead } from "./should-retry.ts";
import type { SendableRequest } from "./prepare-request.ts";

/** Sends a request until its response is no failure, or until trying on makes no sense: see `retryingFetch`. */
export async function sendWithRetries<Res extends ResponseHead>(
  request: SendableRequest<Res>,
  settings: FetchSettings,
): Promise<Res> {
  const { method, origin, url, key, outer, repeats, signal } = request;
  const { policy } = settings;
  const { attemptsMax = policy.attemptsMax, shouldRetry = settings.shouldRetry } = request.limits ?? {};
  const state = callState<Res>({ method, key, repeats, isNested: outer !== undefined });
  const facts = { call: {}, method, url, key };
  /** Whether a byte of the attempt under way may have left. */
  let isSent = false;
  /** The 503 by which a server of once-again says that nothing happened. */
  let noEffectResponse: Res | undefined;
  let discarded: void | Promise<void>;

  const judge = (outcome: Outcome<Res>, wasSent: boolean): Failure<Res> | undefined => {
    const saysNoEffect = "value" in outcome && outcome.value === noEffectResponse;
    const failure = failureOf(outcome, policy.clock.now(), saysNoEffect || settings.trustsRetryAfter(origin));
    return failure === undefined || (wasSent && !request.isLocal) ? failure : markUnsent(failure, request.isLocal);
  };
  const sendOnce = async (attempt: Attempt): Promise<Res> => {
    // A layer that did not hear of the end of its attempt comes too late: that attempt has been judged.
    attempt.signal.throwIfAborted();
    let wasSent = false;
    const onSend = (): void => void (isSent = wasSent = true);
    const outcome = await settle(() => request.send(attempt.signal, attempt, onSend), attempt);
    noEffectResponse = (await readResponse(request, outcome)) ?? noEffectResponse;
    recordSending(state, judge(outcome, wasSent));
    return valueOf(outcome);
  };
  const layered = settings.layerOf(origin)(sendOnce);
  const operation = async (attempt: Attempt): Promise<Res> => {
    // The previous response is read to its end first, so that its connection can be used again.
    if (discarded !== undefined) await discarded;
    // Its time may be over by now, and the code that ended it relies on nothing being sent any more.
    attempt.signal.throwIfAborted();
    return layered(attempt);
  };

  let response: Res;
  try {
    response = await runRetry<Res>(operation, {
      ...policy,
      attemptsMax,
      deadlineMs: deadlineOf(request, settings),
      signal,
      get repeatable() {
        return repeats.areSafe;
      },
      budget: settings.budgetOf(origin),
      decide(outcome, attempt) {
        const status = "value" in outcome ? outcome.value.status : undefined;
        const failure = judge(outcome, isSent);
        const isRetryWanted =
          failure && shouldRetry && askCondition(shouldRetry, { attempt, key, method, url }, outcome, failure);
        return decideAttempt(state, { status, failure, wasSent: isSent, isRetryWanted });
      },
      onEvent(event) {
        // An attempt that ends before it begins, because its time is over, has not been sent either.
        if (event.type === "attempt-started") isSent = false;
        if (event.type === "retry-scheduled" && state.failure?.response !== undefined) {
          discarded = request.discard(state.failure.response);
        }
        if (settings.onEvent === undefined) return;
        notify(settings.onEvent, { ...event, ...facts, status: state.status, verdict: state.failure?.verdict });
      },
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw unknownOutcome(state, { by: "error", cause }, policy.clock) ?? cause;
  }
  const end = { by: "response", cause: request.errorOf?.(response) } as const;
  const unknown = unknownOutcome(state, end, policy.clock);
  if (unknown === undefined) return response;
  void request.discard(response);
  throw unknown;
}

/**
 * Learns from a response whether its place honours keys. Not async: most responses have no body that must be read.
 *
 * @returns the response, where it is a 503 by which a server of once-again says that nothing happened.
 */
function readResponse<Res extends ResponseHead>(
  request: SendableRequest<Res>,
  outcome: Outcome<Res>,
): Promise<Res | undefined> | undefined {
  if ("error" in outcome) return undefined;
  const { value } = outcome;
  request.repeats.learn(value);
  return value.status === 503 ? readNoEffect(request, value) : undefined;
}

async function readNoEffect<Res extends ResponseHead>(
  request: SendableRequest<Res>,
  response: Res,
): Promise<Res | undefined> {
  return (await request.saysNoEffect?.(response)) ? response : undefined;
}

/** How long the whole call may take: as the options say, no longer than its key is remembered or is waited for. */
function deadlineOf(request: SendableRequest<ResponseHead>, { keyRetentionMs, policy }: FetchSettings): number {
  const { key, limits, outer, preparedMs = 0 } = request;
  const { deadlineMs = policy.deadlineMs } = limits ?? {};
  return Math.max(0, Math.min(deadlineMs, keyRetentionMs(key), outer?.remainingMs ?? Infinity) - preparedMs);
}
