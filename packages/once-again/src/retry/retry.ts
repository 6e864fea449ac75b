import { sleep } from "../core/clock.ts";
import { requireFunction } from "../core/options.ts";
import { type Operation, type Outcome, runAttempt, valueOf } from "./attempt.ts";
import { beginAttempt, beginCall, endAttempt, giveUp } from "./retry-call.ts";
import { type RetryOptions, type RetryPolicy, retryPolicy } from "./retry-options.ts";

/** Made by the first call without options: a program that never makes one, such as a page, does not load what makes it. */
let defaultPolicy: RetryPolicy<unknown> | undefined;

/**
 * Calls `operation` until it succeeds, or until trying on makes no sense.
 *
 * An attempt that failed may have taken effect all the same, so give this only operations that may safely run twice:
 * reads, writes that overwrite, and writes that carry an idempotency key.
 *
 * @returns the operation's value; when it gives up on a value that `decide` did not take, that value.
 * @throws the operation's own error, as it is, when `decide` says stop.
 * @throws the signal's reason when the caller aborts.
 * @throws OnceAgainError `ONCE_ATTEMPTS_EXHAUSTED`, `ONCE_DEADLINE_EXCEEDED` or `ONCE_BUDGET_EXHAUSTED` when a limit
 *   ends it. The `cause` is the last attempt's error; `details` has `attempts`, `elapsedMs` and, when the decision named
 *   a least delay, `retryAt`: the time (milliseconds since the epoch) from which it makes sense to ask again.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 *
 * @example
 * ```ts
 * const rows = await retry(({ signal }) => database.query("SELECT ...", { signal }), { timeoutMs: 10_000 });
 * ```
 */
export function retry<T>(operation: Operation<T>, options?: RetryOptions<T>): Promise<T> {
  try {
    requireFunction("operation", "a function that begins each attempt, such as () => fetch(url)", operation);
    return runRetry(operation, options === undefined ? (defaultPolicy ??= retryPolicy({})) : retryPolicy(options));
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * {@link retry} with options that were checked before: what other rooms build on. Most calls succeed at once, so where only a
 * failure is looked at, the rest of the call is made when its first attempt has failed.
 */
export function runRetry<T>(operation: Operation<T>, policy: RetryPolicy<T>): Promise<T> {
  const startedAt = policy.clock.monotonic();
  const goOn = (failure?: Outcome<T>): Promise<T> => runLoop(operation, policy, startedAt, failure);
  if (!policy.takesAnyValue) return goOn();
  const onError = (error: unknown): Promise<T> => goOn({ error });
  try {
    return Promise.resolve(runAttempt(operation, 1, policy.timeoutMs, policy)).then(undefined, onError);
  } catch (error) {
    return onError(error);
  }
}

/** @param first the outcome of the first attempt, where that was made before. */
async function runLoop<T>(
  operation: Operation<T>,
  policy: RetryPolicy<T>,
  startedAt: number,
  first: Outcome<T> | undefined,
): Promise<T> {
  const call = beginCall(policy, startedAt, first === undefined ? 0 : 1);
  try {
    for (let outcome = first; ; outcome = undefined) {
      if (outcome === undefined) {
        const remainingMs = beginAttempt(call);
        try {
          outcome = { value: await runAttempt(operation, call.attempts, remainingMs, policy) };
        } catch (error) {
          outcome = { error };
        }
      }
      const delayMs = endAttempt(call, outcome);
      if (delayMs === undefined) return valueOf(outcome);
      if (delayMs > 0) await sleep(policy.clock, delayMs, policy.signal);
    }
  } catch (error) {
    giveUp(call);
    throw error;
  }
}
