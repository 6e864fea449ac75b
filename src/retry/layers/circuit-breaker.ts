import { OnceAgainError } from "../../core/errors.ts";
import { type Attempt, type Operation, type Outcome, settleWithin, valueOf } from "../attempt.ts";
import type { AnyLayer } from "../layer.ts";
import { type CircuitBreakerOptions, circuitBreakerSettings } from "./circuit-breaker-options.ts";
import { judge } from "./judge.ts";
import { outcomeWindow } from "./outcome-window.ts";
import { waitLine } from "./wait-line.ts";

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
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): AnyLayer {
  const { callsMin, clock, failed, failureRatio, openMs, probeTimeoutMs, waitersMax, window } =
    circuitBreakerSettings(options);
  const waiters = waitLine();
  let outcomes = outcomeWindow(window, clock);
  /** From when a probe may go through, by the monotonic clock; `undefined` while the breaker is closed. */
  let probeFromMs: number | undefined;
  /** When the running probe will be cut; `undefined` when none runs. */
  let probeUntilMs: number | undefined;

  const open = (): void => {
    probeFromMs = clock.monotonic() + openMs;
    outcomes = outcomeWindow(window, clock);
  };
  const refusal = (untilMs: number): OnceAgainError => circuitOpen(clock.now(), untilMs - clock.monotonic());

  const admit = async (signal: AbortSignal): Promise<"call" | "probe"> => {
    for (;;) {
      if (probeFromMs === undefined) return "call";
      if (clock.monotonic() < probeFromMs) throw refusal(probeFromMs);
      if (probeUntilMs === undefined) {
        probeUntilMs = clock.monotonic() + probeTimeoutMs;
        return "probe";
      }
      if (waiters.size >= waitersMax) throw refusal(probeUntilMs);
      await waiters.wait(signal);
    }
  };

  const call = async <T>(next: Operation<T>, attempt: Attempt): Promise<Outcome<T>> => {
    const counted = outcomes;
    const outcome = await settleWithin(next, attempt, attempt.signal);
    const hasFailed = judge(outcome, attempt, failed);
    if (hasFailed === undefined || counted !== outcomes) return outcome;
    counted.add(hasFailed);
    const { calls, failures } = counted.counts();
    if (hasFailed && calls >= callsMin && failures >= failureRatio * calls) open();
    return outcome;
  };

  const probe = async <T>(next: Operation<T>, attempt: Attempt): Promise<Outcome<T>> => {
    const outcome = await settleWithin(next, attempt, attempt.signal, { clock, msMax: probeTimeoutMs });
    probeUntilMs = undefined;
    const hasFailed = judge(outcome, attempt, failed);
    if (hasFailed === true) open();
    if (hasFailed === false) probeFromMs = undefined;
    waiters.wakeAll();
    return outcome;
  };

  return (next) => async (attempt) => {
    const role = await admit(attempt.signal);
    return valueOf(await (role === "probe" ? probe(next, attempt) : call(next, attempt)));
  };
}

function circuitOpen(nowMs: number, retryAfterMs: number): OnceAgainError {
  return new OnceAgainError(
    "ONCE_CIRCUIT_OPEN",
    "Too many of the last calls failed, so this one was not made. Call again from details.retryAt on.",
    { details: { retryAfterMs, retryAt: nowMs + retryAfterMs } },
  );
}
