import { OnceAgainError } from "../../core/errors.ts";
import { type Attempt, type Operation, type Outcome, settleWithin, valueOf } from "../attempt.ts";
import type { AnyLayer } from "../layer.ts";
import { breakerState, type CircuitState } from "./breaker-state.ts";
import { type CircuitBreakerOptions, circuitBreakerSettings } from "./circuit-breaker-options.ts";
import { judge } from "./failure-predicate.ts";
import type { OutcomeWindow } from "./outcome-window.ts";
import { waitQueue } from "../../core/semaphore.ts";

/** A circuit breaker: a layer with a state that can be read, and set by hand. */
export interface CircuitBreaker extends AnyLayer {
  readonly state: CircuitState;
  /**
   * Refuses every call until `release`, as for maintenance: with `ONCE_CIRCUIT_OPEN` and a true `details.isolated`.
   * Calls under way go on, and those that wait for a probe are refused.
   */
  isolate(): void;
  /** Ends that: the breaker is closed, with an empty window. Does nothing to one that is not isolated. */
  release(): void;
}

/**
 * Stops calling a server that fails most calls, so that it can recover, and so that callers need not wait for failures.
 *
 * _Closed_, it lets everything through and counts. When too many of the window's calls have failed it is _open_ and
 * refuses everything for `openMs`. Then one call at a time goes through as a probe, while others wait for its outcome:
 * a success closes the breaker, a failure opens it again; a probe that its caller aborts decides nothing, and the next
 * call is the probe. Outcomes of calls that began before the breaker opened are not counted afterwards.
 *
 * Share one among all the calls to the same place.
 *
 * @returns a layer that throws OnceAgainError `ONCE_CIRCUIT_OPEN` instead of calling; `details` has `retryAfterMs` and
 *   `retryAt` (milliseconds since the epoch): when the next probe may go through.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 *
 * @example
 * ```ts
 * const breaker = circuitBreaker({ onEvent: ({ type }) => console.warn("stock", type) });
 * const stock = await run(breaker(({ signal }) => readStock("coffee", signal)));
 * ```
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): CircuitBreaker {
  const settings = circuitBreakerSettings(options);
  const { clock, isFailure, probeTimeoutMs } = settings;
  const state = breakerState(settings);
  const waiters = waitQueue();
  let isolations = 0;

  const admit = async (signal: AbortSignal): Promise<OutcomeWindow | "probe"> => {
    for (;;) {
      const admission = state.admit(waiters.size());
      if (admission.role === "call") return admission.counted;
      if (admission.role === "probe") return "probe";
      if (admission.role === "refused") throw circuitOpenError(clock.now(), admission.retryAfterMs);
      await waiters.wait(signal);
    }
  };

  const call = async <T>(next: Operation<T>, attempt: Attempt, counted: OutcomeWindow): Promise<Outcome<T>> => {
    const outcome = await settleWithin(next, attempt, attempt.signal);
    const hasFailed = judge(outcome, attempt, isFailure);
    if (hasFailed !== undefined) state.callEnded(counted, hasFailed);
    return outcome;
  };

  const probe = async <T>(next: Operation<T>, attempt: Attempt): Promise<Outcome<T>> => {
    const isolationsBefore = isolations;
    const outcome = await settleWithin(next, attempt, attempt.signal, { clock, msMax: probeTimeoutMs });
    let hasFailed: boolean | undefined;
    try {
      hasFailed = judge(outcome, attempt, isFailure);
      return outcome;
    } finally {
      // One that was isolated meanwhile has no probe under way, or another.
      if (isolations === isolationsBefore) state.probeEnded(hasFailed);
      waiters.wakeAll();
    }
  };

  const layer: AnyLayer = (next) => async (attempt) => {
    const admitted = await admit(attempt.signal);
    return valueOf(await (admitted === "probe" ? probe(next, attempt) : call(next, attempt, admitted)));
  };
  const isolate = (): void => {
    state.isolate();
    isolations += 1;
    waiters.wakeAll();
  };
  return Object.defineProperties(layer as CircuitBreaker, {
    state: { get: () => state.state(), enumerable: true },
    isolate: { value: isolate, enumerable: true },
    release: { value: () => state.release(), enumerable: true },
  });
}

function circuitOpenError(nowMs: number, retryAfterMs: number | undefined): OnceAgainError {
  if (retryAfterMs === undefined) {
    return new OnceAgainError(
      "ONCE_CIRCUIT_OPEN",
      "The circuit breaker is isolated, so this call was not made. Call again after its release().",
      { details: { isolated: true } },
    );
  }
  return new OnceAgainError(
    "ONCE_CIRCUIT_OPEN",
    "Too many of the last calls failed, so this one was not made. Call again from details.retryAt on.",
    { details: { retryAfterMs, retryAt: nowMs + retryAfterMs } },
  );
}
