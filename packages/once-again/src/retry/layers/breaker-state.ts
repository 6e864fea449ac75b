import type { CircuitBreakerSettings } from "./circuit-breaker-options.ts";
import { type OutcomeWindow, outcomeWindow } from "./outcome-window.ts";

/** What a call is to do that comes to a circuit breaker. */
export type Admission =
  /** Go through; hand `counted` back with the outcome, so that those from before an opening are not counted after it. */
  | { readonly role: "call"; readonly counted: OutcomeWindow }
  | { readonly role: "probe" }
  /** Wait until the running probe has ended, and ask again. */
  | { readonly role: "waiter" }
  /** `retryAfterMs`: until the breaker may let a probe through. */
  | { readonly role: "refused"; readonly retryAfterMs: number };

/** Whether a circuit breaker is open, and what opens and closes it. */
export interface BreakerState {
  /** @param waiting how many calls wait for the probe already. */
  admit(waiting: number): Admission;
  callEnded(counted: OutcomeWindow, hasFailed: boolean): void;
  /** @param hasFailed `undefined`: the probe decided nothing, and the next call is the probe. */
  probeEnded(hasFailed: boolean | undefined): void;
}

/** The rule of a circuit breaker, without the calls. */
export function breakerState(settings: Omit<CircuitBreakerSettings, "isFailure">): BreakerState {
  const { callsMin, clock, failureRatio, openMs, probeTimeoutMs, waitersMax, window } = settings;
  let outcomes = outcomeWindow(window, clock);
  /** From when a probe may go through, by the monotonic clock; `undefined` while the breaker is closed. */
  let probeFromMs: number | undefined;
  /** When the running probe will be cut; `undefined` when none runs. */
  let probeUntilMs: number | undefined;

  const open = (): void => {
    probeFromMs = clock.monotonic() + openMs;
    outcomes = outcomeWindow(window, clock);
  };
  const refusedUntil = (untilMs: number): Admission => ({
    role: "refused",
    retryAfterMs: untilMs - clock.monotonic(),
  });

  return {
    admit(waiting) {
      if (probeFromMs === undefined) return { role: "call", counted: outcomes };
      if (clock.monotonic() < probeFromMs) return refusedUntil(probeFromMs);
      if (probeUntilMs !== undefined) return waiting < waitersMax ? { role: "waiter" } : refusedUntil(probeUntilMs);
      probeUntilMs = clock.monotonic() + probeTimeoutMs;
      return { role: "probe" };
    },
    callEnded(counted, hasFailed) {
      if (counted !== outcomes) return;
      counted.add(hasFailed);
      const { calls, failures } = counted.counts();
      if (hasFailed && calls >= callsMin && failures >= failureRatio * calls) open();
    },
    probeEnded(hasFailed) {
      probeUntilMs = undefined;
      if (hasFailed === true) open();
      if (hasFailed === false) probeFromMs = undefined;
    },
  };
}
