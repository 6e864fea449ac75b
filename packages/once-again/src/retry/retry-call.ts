import { notify } from "../core/events.ts";
import type { Outcome } from "./attempt.ts";
import type { Decision } from "./decision.ts";
import { gaveUpError } from "./gave-up-error.ts";
import { planRetry } from "./next-wait.ts";
import type { FailureKind, RetryBudget } from "./retry-budget.ts";
import type { DenialReason, RetryEvent } from "./retry-event.ts";
import type { RetryPolicy } from "./retry-options.ts";

/** How far one call of `retry` has come. The functions on it neither wait nor send. */
export interface RetryCall<T> {
  readonly policy: RetryPolicy<T>;
  readonly startedAt: number;
  /** Attempts begun. */
  attempts: number;
  previousDelayMs: number;
  lastRetryKind: FailureKind | undefined;
  denial: DenialReason | undefined;
}

export function beginCall<T>(policy: RetryPolicy<T>): RetryCall<T> {
  const { budget, clock } = policy;
  budget?.onRequest?.();
  const startedAt = clock.monotonic();
  return { policy, startedAt, attempts: 0, previousDelayMs: 0, lastRetryKind: undefined, denial: undefined };
}

/**
 * Counts an attempt that is about to be made.
 *
 * @returns what the deadline leaves for it, in milliseconds.
 * @throws the signal's reason when the caller has aborted.
 */
export function beginAttempt<T>(call: RetryCall<T>): number | undefined {
  const { deadlineMs, onEvent, signal } = call.policy;
  signal?.throwIfAborted();
  call.attempts += 1;
  if (onEvent !== undefined) emit(call, { type: "attempt-started", attempt: call.attempts });
  // The first begins with the call.
  if (deadlineMs === undefined || call.attempts === 1) return deadlineMs;
  return Math.max(0, deadlineMs - elapsedMs(call));
}

/**
 * What follows an attempt: how long to wait before the next, in milliseconds, or `undefined` when its outcome is the
 * call's.
 *
 * @throws OnceAgainError when a limit forbids the next, and the signal's reason when the caller has aborted.
 */
export function endAttempt<T>(call: RetryCall<T>, outcome: Outcome<T>): number | undefined {
  const { budget, decide, onEvent, signal } = call.policy;
  if ("error" in outcome) signal?.throwIfAborted();
  const decision = decide(outcome, call.attempts);
  if (decision.action !== "done" || "error" in outcome) return afterFailure(call, outcome, decision);
  if (budget !== undefined) recordSuccess(budget, call.lastRetryKind);
  if (onEvent !== undefined) emit(call, { type: "succeeded", attempts: call.attempts, elapsedMs: elapsedMs(call) });
  return undefined;
}

/** The call ends without success. */
export function giveUp<T>(call: RetryCall<T>): void {
  const why = call.denial ?? (call.policy.signal?.aborted ? "aborted" : "fault");
  emit(call, { type: "gave-up", attempts: call.attempts, elapsedMs: elapsedMs(call), why });
}

function afterFailure<T>(call: RetryCall<T>, outcome: Outcome<T>, decision: Decision): number | undefined {
  const { policy, attempts: attempt, previousDelayMs } = call;
  emit(call, { type: "attempt-failed", attempt, ...("error" in outcome ? outcome : undefined) });
  const progress = { attempts: attempt, elapsedMs: elapsedMs(call), previousDelayMs };
  const plan = planRetry(policy, decision, progress);
  if (plan.action === "wait") {
    emit(call, { type: "retry-scheduled", attempt, delayMs: plan.delayMs, why: plan.why });
    call.previousDelayMs = plan.backoffMs;
    call.lastRetryKind = plan.kind ?? call.lastRetryKind;
    return plan.delayMs;
  }
  call.denial = plan.why;
  emit(call, { type: "retry-denied", attempt, why: plan.why });
  if ("value" in outcome) giveUp(call);
  else if (plan.action === "limit") {
    const retryAt = plan.delayMsMin === undefined ? undefined : { retryAt: policy.clock.now() + plan.delayMsMin };
    const noEffect = plan.noEffect ? { noEffect: true as const } : undefined;
    throw gaveUpError(
      plan.why,
      { attempts: attempt, elapsedMs: progress.elapsedMs, ...retryAt, ...noEffect },
      outcome.error,
    );
  }
  return undefined;
}

/** A budget that throws must not take the value from the caller, whose operation has been carried out. */
export function recordSuccess(budget: RetryBudget, lastRetryKind: FailureKind | undefined): void {
  try {
    budget.onSuccess(lastRetryKind);
  } catch {
    // Dropped: see above.
  }
}

function emit<T>({ policy }: RetryCall<T>, event: RetryEvent): void {
  notify(policy.onEvent, event);
}

function elapsedMs<T>({ policy, startedAt }: RetryCall<T>): number {
  return policy.clock.monotonic() - startedAt;
}
