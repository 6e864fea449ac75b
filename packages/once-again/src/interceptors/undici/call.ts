import { callState, type CallState, decideAttempt, foreignOutcome, unknownOutcome } from "../../client/call-state.ts";
import type { FetchEvent, FetchSettings } from "../../client/fetch-options.ts";
import { isForeignResponse } from "../../client/foreign-response.ts";
import { afterRedirect } from "../../client/follow-redirects.ts";
import { type Repeats, repeatsOf } from "../../client/repeats.ts";
import { askCondition, failureOf, markUnsent } from "../../client/should-retry.ts";
import type { Clock } from "../../core/clock.ts";
import { type Listener, notify } from "../../core/listener.ts";
import { statusVerdict } from "../../delivery/index.ts";
import { attemptTimeoutError, type Outcome } from "../../retry/attempt.ts";
import type { Decision, RetryEvent } from "../../retry/index.ts";
import { beginAttempt, beginCall, endAttempt, giveUp, type RetryCall } from "../../retry/retry-call.ts";
import { Attempt, type AttemptOwner, type UndiciHead } from "./attempt.ts";
import type { Dispatch, DispatchController, DispatchHandler, DispatchOptions } from "./dispatcher.ts";

/** The request of one call. */
export interface CallRequest {
  readonly options: DispatchOptions;
  readonly origin: string;
  readonly key: string | undefined;
  /** Its headers, in whatever form the caller gave them. */
  readonly headers: { get(name: string): string | null };
  /** Whether its body is a stream, of which nothing is left for another attempt. */
  readonly isSentOnce: boolean;
}

/** The things that the calls through one interceptor have in common. */
export interface CallSurroundings {
  readonly settings: FetchSettings;
  readonly dispatch: Dispatch;
  /** For the time-outs of all attempts. */
  readonly timers: Clock;
  readonly attemptTimeoutMs: number;
}

/**
 * One call, by callbacks: it waits and sends without the promises and signals of `sendWithRetries`, since a dispatcher is
 * used for its speed. The loop's state and every decision are those of `retry/` and `client/`.
 */
export class Call implements AttemptOwner, SteeredCall {
  readonly handler: DispatchHandler;
  readonly clock: Clock;
  readonly controller = new CallController(this);
  abortReason: Error | null = null;
  readonly #surroundings: CallSurroundings;
  readonly #request: CallRequest;
  readonly #retry: RetryCall<UndiciHead>;
  readonly #state: CallState<UndiciHead>;
  /** The handler has heard that its request began. */
  #begun = false;
  /** The caller has its response, or an error. */
  #settled = false;
  #attempt: Attempt | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(surroundings: CallSurroundings, request: CallRequest, handler: DispatchHandler) {
    const { budgetOf, keyRetentionMs, onEvent, policy } = surroundings.settings;
    const { key, options, origin } = request;
    const { method } = options;
    this.handler = handler;
    this.clock = policy.clock;
    this.#surroundings = surroundings;
    this.#request = request;
    const repeats = repeatsOf({ method, key, origin, url: this.#url }, surroundings.settings);
    this.#state = callState({ method, key, repeats, isNested: false });
    // Named one by one: a spread would take a fifth of what a call takes here.
    this.#retry = beginCall({
      attemptsMax: policy.attemptsMax,
      backoff: policy.backoff,
      timeoutMs: Math.min(policy.timeoutMs, keyRetentionMs(key)),
      attemptTimeoutMs: undefined,
      signal: undefined,
      repeats: undefined,
      budget: budgetOf(origin),
      decide: (outcome, attempt) => this.#decide(outcome, attempt),
      onEvent: onEvent && this.#listener(onEvent),
      clock: policy.clock,
      random: policy.random,
    });
  }

  get attemptController(): DispatchController | undefined {
    return this.#attempt?.controller;
  }

  /** Makes the next attempt. */
  send(): boolean {
    const { attemptTimeoutMs, dispatch, timers } = this.#surroundings;
    const remainingMs = this.#beginAttempt();
    if (remainingMs === undefined) return true;
    const msMax = Math.min(remainingMs, attemptTimeoutMs);
    const attempt = new Attempt(this);
    this.#attempt = attempt;
    this.#cancelTimer = timers.timer(msMax, () => this.#cut(attemptTimeoutError(msMax)));
    try {
      return dispatch(this.#request.options, attempt);
    } catch (error) {
      this.#cut(error as Error);
      return true;
    }
  }

  /** The time that the deadline leaves for an attempt, in milliseconds; `undefined` when none is left, and the call has ended. */
  #beginAttempt(): number | undefined {
    try {
      return beginAttempt(this.#retry) ?? Number.POSITIVE_INFINITY;
    } catch (error) {
      giveUp(this.#retry);
      this.#fail(this.#unknownOutcome("error", error) ?? (error as Error));
      return undefined;
    }
  }

  abort(reason: Error): void {
    this.abortReason ??= reason;
    if (this.#settled) {
      this.attemptController?.abort(reason);
      return;
    }
    this.#attempt?.cut(reason);
    this.#retry.denial = "aborted";
    giveUp(this.#retry);
    this.#fail(reason);
  }

  onStarted(context: unknown): void {
    if (this.#begun) return;
    this.#begun = true;
    this.handler.onRequestStart?.(this.controller, context);
  }

  onResponse(head: UndiciHead): boolean {
    this.#stopTimer();
    const delayMs = this.#endAttempt({ value: head });
    if (this.#settled) return false;
    if (delayMs !== undefined) {
      this.#wait(delayMs);
      return false;
    }
    const unknown = this.#unknownOutcome("response") ?? this.#foreignOutcome(head);
    if (unknown !== undefined) {
      this.#fail(unknown);
      return false;
    }
    this.#settled = true;
    return true;
  }

  onFailed(given: Error, head?: UndiciHead): void {
    this.#stopTimer();
    const { method } = this.#request.options;
    const error = this.#attempt?.wasRedirected ? (afterRedirect(method, given) as Error) : given;
    const delayMs = this.#endAttempt(head === undefined ? { error } : { value: head });
    if (this.#settled) return;
    if (delayMs !== undefined) {
      // Undici reports a start only when a connection is there. The caller must be able to abort before.
      this.onStarted({});
      if (!this.#settled) this.#wait(delayMs);
      return;
    }
    // The error of a response is the response: the call has ended with it.
    if (head === undefined) giveUp(this.#retry);
    this.#fail(this.#unknownOutcome(head === undefined ? "error" : "response", error) ?? error);
  }

  /**
   * How long to wait before the next attempt, in milliseconds; `undefined` after the last. It settles a call that a limit ends.
   */
  #endAttempt(outcome: Outcome<UndiciHead>): number | undefined {
    try {
      return endAttempt(this.#retry, outcome);
    } catch (error) {
      // Without a denial it is a fault of the user's own backoff or budget, and the attempt may still be under way.
      if (this.#retry.denial === undefined) this.#attempt?.cut(error as Error);
      giveUp(this.#retry);
      this.#fail(this.#unknownOutcome("error", error) ?? (error as Error));
      return undefined;
    }
  }

  #decide(outcome: Outcome<UndiciHead>, attempt: number): Decision {
    const { isSentOnce, key, options, origin } = this.#request;
    const { shouldRetry, trustsRetryAfter } = this.#surroundings.settings;
    const { repeats } = this.#state;
    const status = "value" in outcome ? outcome.value.status : undefined;
    if ("value" in outcome) repeats.learn(outcome.value);
    if (this.#attempt !== undefined) this.#enterHops(this.#attempt, repeats, "error" in outcome);
    // Most attempts are no failure: then the time need not be read.
    const isSuccess = status !== undefined && statusVerdict(status) === undefined;
    const attemptFailure = isSuccess ? undefined : failureOf(outcome, this.clock.now(), trustsRetryAfter(origin));
    // Undici reports a start before it writes the first byte.
    const wasSent = this.attemptController !== undefined;
    const failure = attemptFailure === undefined || wasSent ? attemptFailure : markUnsent(attemptFailure);
    const isRetryWanted =
      failure &&
      shouldRetry &&
      askCondition(shouldRetry, { attempt, key, method: options.method, url: this.#url }, outcome, failure);
    const decision = decideAttempt(this.#state, { status, failure, wasSent, isRetryWanted });
    return decision.action === "retry" && isSentOnce ? { action: "stop", why: "body-not-replayable" } : decision;
  }

  /** Undici does not say where a request was led to that had no response, nor whether it became a GET. */
  #enterHops(attempt: Attempt, repeats: Repeats, hadNoResponse: boolean): void {
    const { history } = attempt;
    if (history.length === 0) return;
    const { method } = this.#request.options;
    for (const url of history.slice(1)) repeats.enter(method, url, attempt);
    if (hadNoResponse) repeats.enter(method, undefined, attempt);
  }

  #unknownOutcome(by: "response" | "error", cause?: unknown): Error | undefined {
    return unknownOutcome(this.#state, { by, cause }, this.clock);
  }

  /** Undici doesn't say with which status a redirect was made. */
  #foreignOutcome(head: UndiciHead): Error | undefined {
    const { headers, options, origin } = this.#request;
    const { trustsRedirect } = this.#surroundings.settings;
    if (!isForeignResponse(head, { method: options.method, origin, headers }, trustsRedirect)) return undefined;
    return foreignOutcome(this.#state, head, trustsRedirect !== undefined);
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

  /** Ends the call with an error. */
  #fail(error: Error): void {
    this.#stopTimer();
    this.#settled = true;
    this.handler.onResponseError?.(this.controller, error);
  }

  /** Origin and path. */
  get #url(): string {
    const { options, origin } = this.#request;
    const [path = ""] = options.path.split("?", 1);
    return origin + path;
  }

  #listener(onEvent: Listener<FetchEvent>): Listener<RetryEvent> {
    const { key, options } = this.#request;
    const facts = { call: this.controller, method: options.method, url: this.#url, key };
    return (event) => {
      const { failure, status } = this.#state;
      notify(onEvent, { ...event, ...facts, status, verdict: failure?.verdict });
    };
  }
}

/** The call that a controller steers. */
interface SteeredCall {
  /** The controller of the attempt under way, or of the one that gives the caller its response. */
  readonly attemptController: DispatchController | undefined;
  /** Why the caller ended the call; `null` unless it did. */
  readonly abortReason: Error | null;
  abort(reason: Error): void;
}

/** The controller with which the caller's handler steers its call. It stays the same when one attempt follows another. */
class CallController implements DispatchController {
  readonly #call: SteeredCall;

  constructor(call: SteeredCall) {
    this.#call = call;
  }

  get aborted(): boolean {
    return this.#call.abortReason !== null;
  }

  get reason(): Error | null {
    return this.#call.abortReason;
  }

  get paused(): boolean {
    return this.#call.attemptController?.paused ?? false;
  }

  get rawHeaders(): unknown {
    return this.#call.attemptController?.rawHeaders;
  }

  get rawTrailers(): unknown {
    return this.#call.attemptController?.rawTrailers;
  }

  abort(reason: Error): void {
    this.#call.abort(reason);
  }

  pause(): void {
    this.#call.attemptController?.pause();
  }

  resume(): void {
    this.#call.attemptController?.resume();
  }
}
