import type { OnceAgainError } from "../core/errors.ts";
import { type Listener, notify } from "../core/listener.ts";
import type { Attempt, Operation, Outcome } from "../retry/attempt.ts";
import type { Decision, RetryEvent } from "../retry/index.ts";
import { runRetry } from "../retry/retry.ts";
import {
  callState,
  type CallState,
  decideAttempt,
  foreignOutcome,
  recordSending,
  unknownOutcome,
} from "./call-state.ts";
import type { FetchSettings } from "./fetch-options.ts";
import {
  askCondition,
  type Failure,
  failureOf,
  markUnsent,
  type ResponseHead,
  type ShouldRetry,
} from "./should-retry.ts";
import type { SendableRequest } from "./prepare-request.ts";

/** Sends a request until its response is no failure, or until trying on makes no sense: see `retryingFetch`. */
export function sendWithRetries<Res extends ResponseHead>(
  request: SendableRequest<Res>,
  settings: FetchSettings,
): Promise<Res> {
  return new Sending(request, settings).end();
}

/** One call. A class, since its functions would be made anew for each otherwise. */
class Sending<Res extends ResponseHead> {
  readonly #request: SendableRequest<Res>;
  readonly #settings: FetchSettings;
  readonly #state: CallState<Res>;
  readonly #shouldRetry: ShouldRetry | undefined;
  /** Whether a byte of the attempt under way may have left. */
  #isSent = false;
  /** The 503 by which a server of once-again says that nothing happened. */
  #noEffectResponse: Res | undefined;
  #discarded: Promise<void> | undefined;

  constructor(request: SendableRequest<Res>, settings: FetchSettings) {
    const { key, limits, method, outer, repeats } = request;
    this.#request = request;
    this.#settings = settings;
    this.#state = callState<Res>({ method, key, repeats, isNested: outer !== undefined });
    this.#shouldRetry = limits?.shouldRetry ?? settings.shouldRetry;
  }

  async end(): Promise<Res> {
    const { limits, origin, repeats, signal } = this.#request;
    const { policy } = this.#settings;
    const send = this.#settings.layerOf(origin)((attempt) => this.#sendOnce(attempt));
    let response: Res;
    try {
      response = await runRetry<Res>((attempt) => this.#attempt(attempt, send), {
        // Named one by one: what is added to a spread object is stored apart from it.
        attemptsMax: limits?.attemptsMax ?? policy.attemptsMax,
        backoff: policy.backoff,
        timeoutMs: deadlineOf(this.#request, this.#settings),
        attemptTimeoutMs: policy.attemptTimeoutMs,
        signal,
        repeats,
        budget: this.#settings.budgetOf(origin),
        decide: (outcome, attempt) => this.#decide(outcome, attempt),
        onEvent: this.#onEvent(),
        clock: policy.clock,
        random: policy.random,
      });
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw unknownOutcome(this.#state, { by: "error", cause }, policy.clock) ?? cause;
    }
    const cause = this.#request.errorOf?.(response);
    const unknown =
      unknownOutcome(this.#state, { by: "response", cause }, policy.clock) ?? this.#foreignOutcome(response);
    if (unknown === undefined) return response;
    void this.#request.discard(response);
    throw unknown;
  }

  #foreignOutcome(response: Res): OnceAgainError | undefined {
    const url = this.#request.foreignUrl?.(response);
    if (url === undefined) return undefined;
    return foreignOutcome(this.#state, { url }, this.#settings.trustsRedirect !== undefined);
  }

  /** Makes an attempt, through the layers. */
  #attempt(attempt: Attempt, layered: Operation<Res>): Promise<Res> | Res {
    const send = (): Promise<Res> | Res => {
      // Its time may be over by now, and the code that ended it relies on nothing being sent any more.
      attempt.signal.throwIfAborted();
      return layered(attempt);
    };
    // The previous response is read to its end first, so that its connection can be used again.
    return this.#discarded === undefined ? send() : this.#discarded.then(send);
  }

  /** Sends the request once. Layers may do so several times in one attempt. */
  async #sendOnce(attempt: Attempt): Promise<Res> {
    const { repeats } = this.#request;
    const { signal } = attempt;
    // A layer that did not hear of the end of its attempt comes too late: that attempt has been judged.
    signal.throwIfAborted();
    let wasSent = false;
    const onSend = (): void => void (this.#isSent = wasSent = true);
    let response: Res;
    try {
      response = await this.#request.send(signal, attempt, onSend);
    } catch (error) {
      recordSending(this.#state, this.#judge({ error }, wasSent));
      throw error;
    }
    repeats.learn(response);
    if (response.status === 503 && (await this.#request.saysNoEffect?.(response))) this.#noEffectResponse = response;
    recordSending(this.#state, this.#judge({ value: response }, wasSent));
    return response;
  }

  #judge(outcome: Outcome<Res>, wasSent: boolean): Failure<Res> | undefined {
    const { policy, trustsRetryAfter } = this.#settings;
    const saysNoEffect = "value" in outcome && outcome.value === this.#noEffectResponse;
    const isTrusted = saysNoEffect || trustsRetryAfter(this.#request.origin);
    const failure = failureOf(outcome, policy.clock.now(), isTrusted);
    if (failure === undefined) return undefined;
    const isLocal = this.#request.isLocal?.();
    return wasSent && !isLocal ? failure : markUnsent(failure, isLocal);
  }

  #decide(outcome: Outcome<Res>, attempt: number): Decision {
    const { key, method, url } = this.#request;
    const shouldRetry = this.#shouldRetry;
    const status = "value" in outcome ? outcome.value.status : undefined;
    const wasSent = this.#isSent;
    const failure = this.#judge(outcome, wasSent);
    const isRetryWanted =
      failure && shouldRetry && askCondition(shouldRetry, { attempt, key, method, url }, outcome, failure);
    return decideAttempt(this.#state, { status, failure, wasSent, isRetryWanted });
  }

  #onEvent(): Listener<RetryEvent> {
    const { key, method, url } = this.#request;
    const { onEvent } = this.#settings;
    const facts = { call: {}, method, url, key };
    return (event) => {
      const { failure, status } = this.#state;
      // An attempt that ends before it begins, because its time is over, has not been sent either.
      if (event.type === "attempt-started") this.#isSent = false;
      if (event.type === "retry-scheduled" && failure?.response !== undefined) {
        this.#discarded = this.#request.discard(failure.response) ?? undefined;
      }
      if (onEvent !== undefined) notify(onEvent, { ...event, ...facts, status, verdict: failure?.verdict });
    };
  }
}

/** How long the whole call may take: as the options say, no longer than its key is remembered or is waited for. */
function deadlineOf(request: SendableRequest<ResponseHead>, { keyRetentionMs, policy }: FetchSettings): number {
  const { key, limits, outer, preparedMs = 0 } = request;
  const { timeoutMs = policy.timeoutMs } = limits ?? {};
  return Math.max(0, Math.min(timeoutMs, keyRetentionMs(key), outer?.remainingMs ?? Infinity) - preparedMs);
}
