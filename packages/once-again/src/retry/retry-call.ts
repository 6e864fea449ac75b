import type { ErrorCode } from "../core/error-codes.ts";
import { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/listener.ts";
import type { Outcome } from "./attempt.ts";
import type { Decision } from "./decision.ts";
import { attemptMsMin, type Limit, planRetry } from "./plan-retry.ts";
import type { FailureKind, RetryBudget } from "./budgets/budget.ts";
import type { DenialReason, RetryEvent } from "./retry-event.ts";
import type { RetryPolicy } from "./retry-options.ts";

/** How far one call of `retry` has come. The functions on it neither wait nor send. */
export interface RetryCall<T> {
  readonly policy: RetryPolicy<T>;
  readonly startedAt: number;
  /** Attempts begun. */
  attempts: number;
  /** The end of the latest attempt that another was to follow. */
  last: AttemptEnd | undefined;
  previousDelayMs: number;
  lastRetryKind: FailureKind | undefined;
  denial: DenialReason | undefined;
}

/**
 * @param startedAt its begin, by the monotonic clock; default now.
 * @param attempts those that were made before there was this state; default none.
 */
export function beginCall<T>(policy: RetryPolicy<T>, startedAt = policy.clock.monotonic(), attempts = 0): RetryCall<T> {
  policy.budget?.onRequest?.();
  return {
    policy,
    startedAt,
    attempts,
    last: undefined,
    previousDelayMs: 0,
    lastRetryKind: undefined,
    denial: undefined,
  };
}

/**
 * Counts an attempt that is about to be made.
 *
 * @returns what the deadline leaves for it, in milliseconds.
 * @throws the signal's reason when the caller has aborted; OnceAgainError `ONCE_DEADLINE_EXCEEDED` when the wait before it
 *   took longer than it should have, and no time is left.
 */
export function beginAttempt<T>(call: RetryCall<T>): number | undefined {
  const { attempts, last } = call;
  const { timeoutMs, onEvent, signal } = call.policy;
  signal?.throwIfAborted();
  // The first begins with the call.
  const leftMs = timeoutMs === undefined || attempts === 0 ? timeoutMs : timeoutMs - elapsedMs(call);
  if (last !== undefined && leftMs !== undefined && leftMs < attemptMsMin) {
    deny(call, "deadline");
    throw limitError(call, "deadline", last);
  }
  call.attempts += 1;
  if (onEvent !== undefined) emit(call, { type: "attempt-started", attempt: call.attempts });
  return leftMs;
}

/**
 * Decides what follows an attempt: how long to wait before the next, in milliseconds, or `undefined` when its outcome is the
 * call's.
 *
 * @throws OnceAgainError when a limit forbids the next, and the signal's reason when the caller has aborted.
 */
export function endAttempt<T>(call: RetryCall<T>, outcome: Outcome<T>): number | undefined {
  const { budget, decide, onEvent, signal } = call.policy;
  if ("error" in outcome) signal?.throwIfAborted();
  const decision: Decision | undefined = decide(outcome, call.attempts);
  if (decision?.action !== "done" || "error" in outcome) return afterFailure(call, outcome, decision);
  if (budget !== undefined) recordSuccess(budget, call.lastRetryKind);
  if (onEvent !== undefined) emit(call, { type: "succeeded", attempts: call.attempts, elapsedMs: elapsedMs(call) });
  return undefined;
}

/** The call ends without success. */
export function giveUp<T>(call: RetryCall<T>): void {
  const why = call.denial ?? (call.policy.signal?.aborted ? "aborted" : "fault");
  emit(call, { type: "gave-up", attempts: call.attempts, elapsedMs: elapsedMs(call), why });
}

function afterFailure<T>(call: RetryCall<T>, outcome: Outcome<T>, decision: Decision | undefined): number | undefined {
  const { policy, attempts: attempt, previousDelayMs } = call;
  emit(call, { type: "attempt-failed", attempt, ...("error" in outcome ? outcome : undefined) });
  const progress = { attempts: attempt, elapsedMs: elapsedMs(call), previousDelayMs };
  const plan = planRetry(policy, decision, progress);
  if (plan.action === "wait") {
    emit(call, { type: "retry-scheduled", attempt, delayMs: plan.delayMs, why: plan.why });
    call.last = { cause: (outcome as { error?: unknown }).error, noEffect: plan.noEffect };
    call.previousDelayMs = plan.backoffMs;
    call.lastRetryKind = plan.kind ?? call.lastRetryKind;
    return plan.delayMs;
  }
  deny(call, plan.why);
  if ("value" in outcome) giveUp(call);
  else if (plan.action === "limit") throw limitError(call, plan.why, { ...plan, cause: outcome.error });
  return undefined;
}

/** Why a call that gives up does so, as its error says it. */
interface AttemptEnd {
  readonly cause: unknown;
  /** No attempt of the call had an effect. */
  readonly noEffect: boolean;
  /** The least wait that the last failure asked for, in milliseconds. */
  readonly delayMsMin?: number | undefined;
}

/** The details of the error of a call that gave up. Times are milliseconds. */
interface GaveUpDetails {
  /** Attempts that were begun. None is begun that has no time left. */
  readonly attempts: number;
  /** How long the call took, waits included. */
  readonly elapsedMs: number;
  /** From when it makes sense to ask again, since the epoch; missing when no response named a time. */
  readonly retryAt?: number;
  /** No attempt had an effect, as far as the decisions on them could prove it. Missing where they could not. */
  readonly noEffect?: true;
}

const limits: Record<Limit, readonly [ErrorCode, string]> = {
  attempts: ["ONCE_ATTEMPTS_EXHAUSTED", "attemptsMax allows no more"],
  deadline: ["ONCE_DEADLINE_EXCEEDED", "the deadline leaves no time for another"],
  budget: ["ONCE_BUDGET_EXHAUSTED", "the retry budget is used up; it refills as calls succeed"],
};

/** The error of a call that a limit prevented from trying again. */
function limitError<T>(call: RetryCall<T>, limit: Limit, end: AttemptEnd): OnceAgainError {
  const { cause, delayMsMin, noEffect } = end;
  const [code, reason] = limits[limit];
  const attempts = call.attempts === 1 ? "1 attempt" : `${call.attempts} attempts`;
  const retryAt = delayMsMin === undefined ? undefined : { retryAt: call.policy.clock.now() + delayMsMin };
  return new OnceAgainError(
    code,
    `No success after ${attempts}, and ${reason}. The cause is the last attempt's error.`,
    {
      cause,
      details: {
        attempts: call.attempts,
        elapsedMs: elapsedMs(call),
        ...retryAt,
        ...(noEffect && { noEffect }),
      } satisfies GaveUpDetails,
    },
  );
}

function deny<T>(call: RetryCall<T>, why: DenialReason): void {
  call.denial = why;
  emit(call, { type: "retry-denied", attempt: call.attempts, why });
}

/** A budget that throws must not take the value from the caller, since the operation has been executed. */
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
