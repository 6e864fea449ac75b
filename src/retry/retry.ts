import { sleep } from "../core/clock.ts";
import { notify } from "../core/events.ts";
import { type Operation, runAttempt } from "./attempt.ts";
import { gaveUpError } from "./gave-up-error.ts";
import { planRetry } from "./plan.ts";
import type { FailureKind } from "./retry-budget.ts";
import type { DenialReason } from "./retry-event.ts";
import { type RetryOptions, type RetryPolicy, retryPolicy } from "./retry-options.ts";

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
 *   ends it. The `cause` is the last attempt's error; `details` has `attempts`, `elapsedMs` and, when the decision
 *   named a least delay, `retryAt`: the time (milliseconds since the epoch) from which it makes sense to ask again.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export async function retry<T>(operation: Operation<T>, options: RetryOptions<T> = {}): Promise<T> {
  return runRetry(operation, retryPolicy(options));
}

/** {@link retry} with options that were checked before: what other rooms build on. */
export async function runRetry<T>(operation: Operation<T>, policy: RetryPolicy<T>): Promise<T> {
  const { clock, deadlineMs, onEvent, signal } = policy;
  const startedAt = clock.monotonic();
  const elapsed = (): number => clock.monotonic() - startedAt;
  let attempt = 0;
  let previousDelayMs = 0;
  let paidFor: FailureKind | undefined;
  let denial: DenialReason | undefined;
  const gaveUp = (): void => {
    const why = denial ?? (signal?.aborted ? "aborted" : "fault");
    notify(onEvent, { type: "gave-up", attempts: attempt, elapsedMs: elapsed(), why });
  };
  policy.budget?.onRequest?.();
  try {
    for (;;) {
      signal?.throwIfAborted();
      attempt += 1;
      notify(onEvent, { type: "attempt-started", attempt });
      const remainingMs = deadlineMs === undefined ? undefined : Math.max(0, deadlineMs - elapsed());
      const bounds = { number: attempt, remainingMs, timeoutMs: policy.attemptTimeoutMs, signal, clock };
      const outcome = await runAttempt(operation, bounds);
      if ("error" in outcome) signal?.throwIfAborted();

      const decision = policy.decide(outcome, attempt);
      if (decision.action === "done" && "value" in outcome) {
        policy.budget?.onSuccess(paidFor);
        notify(onEvent, { type: "succeeded", attempts: attempt, elapsedMs: elapsed() });
        return outcome.value;
      }
      notify(onEvent, { type: "attempt-failed", attempt, ...("error" in outcome ? outcome : undefined) });

      const plan = planRetry(policy, decision, { attempts: attempt, elapsedMs: elapsed(), previousDelayMs });
      if (plan.action !== "wait") {
        denial = plan.why;
        notify(onEvent, { type: "retry-denied", attempt, why: denial });
        if ("value" in outcome) {
          gaveUp();
          return outcome.value;
        }
        if (plan.action === "stop") throw outcome.error;
        const retryAt = plan.delayMsMin === undefined ? {} : { retryAt: clock.now() + plan.delayMsMin };
        throw gaveUpError(plan.why, { attempts: attempt, elapsedMs: elapsed(), ...retryAt }, outcome.error);
      }
      notify(onEvent, { type: "retry-scheduled", attempt, delayMs: plan.delayMs, why: plan.why });
      await sleep(clock, plan.delayMs, signal);
      [previousDelayMs, paidFor] = [plan.backoffMs, plan.kind];
    }
  } catch (error) {
    gaveUp();
    throw error;
  }
}
