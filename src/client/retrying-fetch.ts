import { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/events.ts";
import { isSafeMethod } from "../delivery/index.ts";
import { runRetry } from "../retry/retry.ts";
import { discardBody } from "./discard-body.ts";
import { type FetchSettings, fetchSettings, type RetryingFetchOptions } from "./fetch-options.ts";
import { type PreparedRequest, prepareRequest } from "./prepared-request.ts";
import type { RetryingRequestInit } from "./request-body.ts";
import { decideOn, type Failure, failureOf, leavesFateUnknown } from "./retry-rule.ts";

/** A `fetch` that tries again; it fits wherever a `fetch` does. */
export type RetryingFetch = (input: string | URL | Request, init?: RetryingRequestInit) => Promise<Response>;

/**
 * Makes a `fetch` that tries again when that is safe, and never otherwise.
 *
 * Each call is one operation. A POST or PATCH gets an idempotency key, made before the first attempt and the same on
 * all of them, unless the caller brings one. An attempt that failed is repeated when the request provably had no
 * effect, or when repeating it has none: an idempotent method, or a key. `Retry-After` is a lower bound for the wait.
 *
 * The returned promise settles as that of `fetch` does: when the response begins. What happens to the response's body
 * afterwards is the caller's: a body that breaks off is not asked for again. The one trace of a redirect that `fetch`
 * hides is its failure: a request without a key whose redirect leads to a host that can't be reached is repeated. Use
 * `redirect: "manual"` where that matters.
 *
 * @returns a function with the signature of `fetch`. It resolves with the last response, whatever its status, when the
 *   server answered last; it rejects with the signal's reason when the caller aborts, and otherwise with:
 *   - `ONCE_OUTCOME_UNKNOWN` when the request may have been carried out. `details` has `attempts` and `key`: ask again
 *     with the same key and body, and the answer is the operation's.
 *   - `ONCE_ATTEMPTS_EXHAUSTED`, `ONCE_DEADLINE_EXCEEDED`, `ONCE_BUDGET_EXHAUSTED` when it had no effect.
 *   - `ONCE_BODY_NOT_REPLAYABLE` for a body that can be sent only once.
 *   - `fetch`'s own error, when no repeat can help and there was no effect.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export function retryingFetch(options: RetryingFetchOptions = {}): RetryingFetch {
  const settings = fetchSettings(options);
  return async (input, init = {}) => send(await prepareRequest(input, init, settings), settings);
}

async function send(request: PreparedRequest, settings: FetchSettings): Promise<Response> {
  const { method, url, key, repeatable, signal } = request;
  const { clock } = settings.policy;
  let attempts = 0;
  let failure: Failure | undefined;
  let fateUnknown = false;
  try {
    return await runRetry((attempt) => request.send(attempt.signal), {
      ...settings.policy,
      ...(key === undefined ? undefined : { deadlineMs: settings.keyedDeadlineMs }),
      signal,
      budget: settings.budgetOf(request.origin),
      decide(outcome, attempt) {
        attempts = attempt;
        failure = failureOf(outcome, clock.now());
        if (failure === undefined) return { action: "done" };
        fateUnknown ||= leavesFateUnknown(failure);
        return decideOn(failure, repeatable);
      },
      onEvent(event) {
        if (event.type === "retry-scheduled" && failure?.response !== undefined) {
          void discardBody(failure.response, clock);
        }
        notify(settings.onEvent, { ...event, method, url, key, verdict: failure?.verdict });
      },
    });
  } catch (error) {
    if (!fateUnknown || isSafeMethod(method) || signal?.aborted) throw error;
    throw outcomeUnknown(error, attempts, key);
  }
}

/** `cause` is why the call gave up: the attempt's error, or the error of the limit that was reached. */
function outcomeUnknown(cause: unknown, attempts: number, key: string | undefined): OnceAgainError {
  const advice =
    key === undefined
      ? "Look the effect up before you send the request again."
      : "Send it again with the same key (details.key) and the same body to learn its outcome.";
  return new OnceAgainError("ONCE_OUTCOME_UNKNOWN", `The request may or may not have been carried out. ${advice}`, {
    cause,
    details: { attempts, key },
  });
}
