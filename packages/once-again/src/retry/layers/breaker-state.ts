import { notify } from "../../core/listener.ts";
import type { CircuitBreakerSettings, CircuitEvent } from "./circuit-breaker-options.ts";
import { type OutcomeWindow, outcomeWindow } from "./outcome-window.ts";

/** The role of a call that arrives at a circuit breaker. */
export type Admission =
  /** Go through; hand `counted` back with the outcome, so that those from before an opening are not counted after it. */
  | { readonly role: "call"; readonly counted: OutcomeWindow }
  | { readonly role: "probe" }
  /** Wait until the running probe has ended, and ask again. */
  | { readonly role: "waiter" }
  /** `retryAfterMs`: until the breaker may let a probe through; `undefined` while it is isolated, since that has no known end. */
  | { readonly role: "refused"; readonly retryAfterMs: number | undefined };

/**
 * `closed`: calls go through. `open`: none does. `half-open`: a probe is under way, or the next call is one. `isolated`:
 * none does until `release` is called.
 */
export type CircuitState = "closed" | "open" | "half-open" | "isolated";

/** Whether a circuit breaker is open, and what opens and closes it. */
export interface BreakerState {
  state(): CircuitState;
  /** Refuses every call until `release`, whatever the calls and the probe under way come to. */
  isolate(): void;
  /** Closes an isolated breaker, with an empty window. */
  release(): void;
  /** @param waiting how many calls wait for the probe already. */
  admit(waiting: number): Admission;
  callEnded(counted: OutcomeWindow, hasFailed: boolean): void;
  /** @param hasFailed `undefined`: the probe decided nothing, and the next call is the probe. */
  probeEnded(hasFailed: boolean | undefined): void;
}

/** The rule of a circuit breaker, without the calls. */
export function breakerState(settings: Omit<CircuitBreakerSettings, "isFailure">): BreakerState {
  const { callsMin, clock, failureRatio, onEvent, openMs, probeTimeoutMs, waitersMax, window } = settings;
  let outcomes = outcomeWindow(window, clock);
  /** From when a probe may go through, by the monotonic clock; `undefined` while the breaker is closed. */
  let probeFromMs: number | undefined;
  /** When the running probe will be cut; `undefined` when none runs. */
  let probeUntilMs: number | undefined;
  let isIsolated = false;

  const emit = (event: CircuitEvent): void => notify(onEvent, event);
  const open = (why: "failures" | "probe"): void => {
    probeFromMs = clock.monotonic() + openMs;
    outcomes = outcomeWindow(window, clock);
    emit({ type: "opened", why, openMs });
  };
  const close = (): void => {
    probeFromMs = undefined;
    emit({ type: "closed" });
  };
  const refusedUntil = (untilMs: number): Admission => ({
    role: "refused",
    retryAfterMs: Math.max(0, untilMs - clock.monotonic()),
  });

  return {
    state() {
      if (isIsolated) return "isolated";
      if (probeFromMs === undefined) return "closed";
      return clock.monotonic() < probeFromMs ? "open" : "half-open";
    },
    isolate() {
      if (isIsolated) return;
      isIsolated = true;
      probeUntilMs = undefined;
      // Calls under way have counted for the window that was.
      outcomes = outcomeWindow(window, clock);
      emit({ type: "isolated" });
    },
    release() {
      if (!isIsolated) return;
      isIsolated = false;
      outcomes = outcomeWindow(window, clock);
      close();
    },
    admit(waiting) {
      if (isIsolated) return { role: "refused", retryAfterMs: undefined };
      if (probeFromMs === undefined) return { role: "call", counted: outcomes };
      if (clock.monotonic() < probeFromMs) return refusedUntil(probeFromMs);
      if (probeUntilMs !== undefined) return waiting < waitersMax ? { role: "waiter" } : refusedUntil(probeUntilMs);
      probeUntilMs = clock.monotonic() + probeTimeoutMs;
      emit({ type: "half-opened" });
      return { role: "probe" };
    },
    callEnded(counted, hasFailed) {
      if (counted !== outcomes) return;
      counted.add(hasFailed);
      const { calls, failures } = counted.counts();
      if (hasFailed && calls >= callsMin && failures >= failureRatio * calls) open("failures");
    },
    probeEnded(hasFailed) {
      probeUntilMs = undefined;
      if (hasFailed === true) open("probe");
      if (hasFailed === false) close();
    },
  };
}
