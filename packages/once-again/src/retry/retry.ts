import { sleep } from "../core/clock.ts";
import { invalidOptionError } from "../core/options.ts";
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
 * const rows = await retry(({ signal }) => database.query("SELECT ...", { signal }), { deadlineMs: 10_000 });
 * ```
 */
export function retry<T>(operation: Operation<T>, options?: RetryOptions<T>): Promise<T> {
  try {
    if (typeof operation !== "function") throw invalidOptionError("operation", "a function", operation);
    return runRetry(operation, options === undefined ? (defaultPolicy ??= retryPolicy({})) : retryPolicy(options));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** {@link retry} with options that were checked before: what other rooms build on. */
export async function runRetry<T>(operation: Operation<T>, policy: RetryPolicy<T>): Promise<T> {
  const call = beginCall(policy);
  try {
    for (;;) {
      const remainingMs = beginAttempt(call);
      let outcome: Outcome<T>;
      try {
        const value = await runAttempt(operation, call.attempts, remainingMs, policy);
        // No object for an outcome that is never read.
        if (policy.takesAnyValue) return value;
        outcome = { value };
      } catch (error) {
        outcome = { error };
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
