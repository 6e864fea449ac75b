import type { FetchEvent } from "../../client/fetch-event.ts";
import type { FetchSettings } from "../../client/fetch-options.ts";
import { afterRedirect } from "../../client/follow-redirects.ts";
import { outcomeUnknownError } from "../../client/outcome-unknown-error.ts";
import {
  decideOn,
  type Failure,
  failureOf,
  mayHaveHappened,
  isNotAuthoritative,
  markUnsent,
} from "../../client/retry-rule.ts";
import type { Clock } from "../../core/clock.ts";
import { notify } from "../../core/events.ts";
import { isIdempotentMethod, isSafeMethod } from "../../delivery/index.ts";
import { attemptTimeoutError, type Outcome } from "../../retry/attempt.ts";
import { gaveUpError } from "../../retry/gave-up-error.ts";
import { type Plan, planRetry } from "../../retry/plan.ts";
import { recordSuccess } from "../../retry/retry-call.ts";
import type { Decision, RetryBudget, RetryEvent } from "../../retry/index.ts";
import type { FailureKind } from "../../retry/retry-budget.ts";
import { Attempt, type AttemptOwner, type UndiciHead } from "./attempt.ts";
import { CallController, type SteeredCall } from "./call-controller.ts";
import type { Dispatch, DispatchController, DispatchHandler, DispatchOptions } from "./dispatcher.ts";

/** What one call is about. */
export interface CallRequest {
  readonly options: DispatchOptions;
  readonly origin: string;
  readonly key: string | undefined;
  /** Whether its body is a stream, of which nothing is left for another attempt. */
  readonly isSentOnce: boolean;
}

/** What the calls through one interceptor have in common. */
export interface CallSurroundings {
  readonly settings: FetchSettings;
  readonly dispatch: Dispatch;
  /** For the time-outs of all attempts. */
  readonly timers: Clock;
  readonly attemptTimeoutMs: number;
}

/**
 * One call, by callbacks: `sendWithRetries` of the client without its promises, timers and signals, since a
 * dispatcher is used for its speed. What is decided is decided by the same rules.
 */
export class Call implements AttemptOwner, SteeredCall {
  readonly handler: DispatchHandler;
  readonly clock: Clock;
  readonly controller = new CallController(this);
  abortReason: Error | null = null;
  readonly #surroundings: CallSurroundings;
  readonly #request: CallRequest;
  readonly #deadlineMs: number;
  readonly #startedAt: number;
  readonly #budget: RetryBudget | undefined;
  /** The handler has heard that its request began. */
  #begun = false;
  /** The caller has its answer, or an error. */
  #settled = false;
  #attempt: Attempt | undefined;
  #attempts = 0;
  #cancelTimer: (() => void) | undefined;
  #previousDelayMs = 0;
  #lastRetryKind: FailureKind | undefined;
  #status: number | undefined;
  #failure: Failure<UndiciHead> | undefined;
  #mayHaveHappened = false;

  constructor(surroundings: CallSurroundings, request: CallRequest, handler: DispatchHandler) {
    const { policy, keyedDeadlineMs, budgetOf } = surroundings.settings;
    const { deadlineMs = Number.POSITIVE_INFINITY, clock } = policy;
    this.handler = handler;
    this.clock = clock;
    this.#surroundings = surroundings;
    this.#request = request;
    this.#deadlineMs = request.key === undefined ? deadlineMs : keyedDeadlineMs;
    this.#startedAt = clock.monotonic();
    this.#budget = budgetOf(request.origin);
    this.#budget?.onRequest?.();
  }

  get attemptController(): DispatchController | undefined {
    return this.#attempt?.controller;
  }

  /** Makes the next attempt. */
  send(): boolean {
    this.#attempts += 1;
    this.#tell?.({ type: "attempt-started", attempt: this.#attempts });
    this.#attempt = new Attempt(this);
    this.#bound();
    try {
      return this.#surroundings.dispatch(this.#request.options, this.#attempt);
    } catch (error) {
      this.#cut(error as Error);
      return true;
    }
  }

  abort(reason: Error): void {
    this.abortReason ??= reason;
    if (this.#settled) {
      this.attemptController?.abort(reason);
      return;
    }
    this.#attempt?.cut(reason);
    this.#fail(reason, "aborted");
  }

  onStarted(context: unknown): void {
    if (this.#begun) return;
    this.#begun = true;
    this.handler.onRequestStart?.(this.controller, context);
  }

  onSucceeded(status: number): void {
    this.#stopTimer();
    this.#settled = true;
    this.#status = status;
    this.#failure = undefined;
    if (this.#budget !== undefined) recordSuccess(this.#budget, this.#lastRetryKind);
    this.#tell?.({ type: "succeeded", attempts: this.#attempts, elapsedMs: this.#elapsedMs() });
  }

  onRefused(answer: UndiciHead): boolean {
    this.#stopTimer();
    this.#status = answer.status;
    const plan = this.#plan({ value: answer });
    if (plan === undefined) return false;
    if (plan.action === "wait") {
      this.#wait(plan.delayMs);
      return false;
    }
    if (this.#isInDoubt) {
      this.#fail(undefined, plan.why);
      return false;
    }
    this.#settled = true;
    this.#tell?.({ type: "gave-up", attempts: this.#attempts, elapsedMs: this.#elapsedMs(), why: plan.why });
    return true;
  }

  onFailed(given: Error, answer?: UndiciHead): void {
    this.#stopTimer();
    const { method } = this.#request.options;
    const error = this.#attempt?.wasRedirected ? (afterRedirect(method, given) as Error) : given;
    this.#status = answer?.status;
    const plan = this.#plan(answer === undefined ? { error } : { value: answer });
    if (plan === undefined) return;
    if (plan.action === "wait") {
      // Undici tells of a start only when a connection is there. The caller must be able to abort before.
      this.onStarted({});
      if (!this.#settled) this.#wait(plan.delayMs);
      return;
    }
    // An answer's error is the answer: it is handed on as that is.
    if (answer !== undefined && !this.#isInDoubt) {
      this.#end(error, plan.why);
      return;
    }
    if (answer !== undefined || plan.action === "stop") {
      this.#fail(error, plan.why);
      return;
    }
    const noEffect = plan.noEffect ? { noEffect: true as const } : undefined;
    const details = { attempts: this.#attempts, elapsedMs: this.#elapsedMs(), ...this.#retryAt(), ...noEffect };
    this.#fail(gaveUpError(plan.why, details, error), plan.why);
  }

  /** What to do about an attempt that failed; `undefined` when the call ended over that question. */
  #plan(outcome: Outcome<UndiciHead>): Plan | undefined {
    const { policy } = this.#surroundings.settings;
    const { options, key, isSentOnce } = this.#request;
    const isTrusted = this.#surroundings.settings.trustsRetryAfter(this.#request.origin);
    const found = failureOf(outcome, this.clock.now(), isTrusted) as Failure<UndiciHead>;
    // Undici tells of a start before it writes the first byte.
    const isSent = this.attemptController !== undefined;
    const failure = isSent ? found : markUnsent(found);
    const wasInDoubt = this.#mayHaveHappened;
    this.#failure = failure;
    this.#mayHaveHappened ||= mayHaveHappened(failure);
    this.#tell?.({
      type: "attempt-failed",
      attempt: this.#attempts,
      ...("error" in outcome ? { error: outcome.error } : undefined),
    });
    const progress = {
      attempts: this.#attempts,
      elapsedMs: this.#elapsedMs(),
      previousDelayMs: this.#previousDelayMs,
    };
    let plan: Plan;
    try {
      const rule = decideOn(failure, key !== undefined || isIdempotentMethod(options.method), wasInDoubt);
      let decision: Decision = rule;
      if (rule.action === "retry") {
        decision = isSentOnce
          ? { action: "stop", why: "body-not-replayable" }
          : { ...rule, free: !isSent, noEffect: !this.#mayHaveHappened };
      }
      plan = planRetry({ ...policy, deadlineMs: this.#deadlineMs, budget: this.#budget }, decision, progress);
    } catch (error) {
      // The backoff is the user's own function.
      this.#attempt?.cut(error as Error);
      this.#fail(error as Error, "fault");
      return undefined;
    }
    const attempt = this.#attempts;
    if (plan.action === "wait") {
      [this.#previousDelayMs, this.#lastRetryKind] = [plan.backoffMs, plan.kind ?? this.#lastRetryKind];
      this.#tell?.({ type: "retry-scheduled", attempt, delayMs: plan.delayMs, why: plan.why });
    } else {
      this.#tell?.({ type: "retry-denied", attempt, why: plan.why });
    }
    return plan;
  }

  /** Bounds the attempt's time. */
  #bound(): void {
    const { timers, attemptTimeoutMs } = this.#surroundings;
    const leftMs = this.#attempts === 1 ? this.#deadlineMs : Math.max(0, this.#deadlineMs - this.#elapsedMs());
    const msMax = Math.min(leftMs, attemptTimeoutMs);
    this.#cancelTimer = timers.timer(msMax, () => this.#cut(attemptTimeoutError(msMax)));
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** Ends the attempt: it failed with `error`, whatever undici says of it later. */
  #cut(error: Error): void {
    this.#attempt?.cut(error);
    this.onFailed(error);
  }

  #wait(delayMs: number): void {
    this.#cancelTimer = this.clock.timer(delayMs, () => void this.send());
  }

  get #isUnknown(): boolean {
    return this.#mayHaveHappened && this.abortReason === null && !isSafeMethod(this.#request.options.method);
  }

  /** Whether the last answer leaves open what became of a keyed operation. */
  get #isInDoubt(): boolean {
    return this.#isUnknown && this.#request.key !== undefined && isNotAuthoritative(this.#failure);
  }

  /** Ends the call: with `error`, or, when the last answer was no help, with what is left in doubt. */
  #fail(error: Error | undefined, why: string): void {
    const facts = { attempts: this.#attempts, key: this.#request.key, status: this.#status, ...this.#retryAt() };
    this.#end(error === undefined || this.#isUnknown ? outcomeUnknownError(facts, error) : error, why);
  }

  #end(error: Error, why: string): void {
    this.#stopTimer();
    this.#settled = true;
    this.#tell?.({ type: "gave-up", attempts: this.#attempts, elapsedMs: this.#elapsedMs(), why });
    this.handler.onResponseError?.(this.controller, error);
  }

  /** Tells the listener; `undefined` when nobody listens, so that no event is made. */
  get #tell(): ((event: RetryEvent) => void) | undefined {
    const { onEvent } = this.#surroundings.settings;
    if (onEvent === undefined) return undefined;
    return (event) => {
      const { options, origin, key } = this.#request;
      const [path = ""] = options.path.split("?", 1);
      const facts = { call: this.controller, method: options.method, url: origin + path, key };
      notify<FetchEvent>(onEvent, { ...event, ...facts, status: this.#status, verdict: this.#failure?.verdict });
    };
  }

  /** From when it makes sense to ask again, where the last failure says so. */
  #retryAt(): { retryAt: number } | undefined {
    const delayMsMin = this.#failure?.delayMsMin;
    return delayMsMin === undefined ? undefined : { retryAt: this.clock.now() + delayMsMin };
  }

  #elapsedMs(): number {
    return this.clock.monotonic() - this.#startedAt;
  }
}
