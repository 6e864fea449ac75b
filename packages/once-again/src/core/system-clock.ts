import type { Clock } from "./clock.ts";

/** The longest delay that a JavaScript timer takes: 2^31 - 1 ms, 24.8 days. A longer one would fire at once. */
const timerMsMax = 2_147_483_647;

/**
 * The clock of the machine. Waits longer than 24.8 days are waited in pieces, and a timer that fires early (some count
 * from the time at which the event loop last looked) is set again: a wait is never shorter than asked for.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer(delayMs, callback) {
    const endsAt = performance.now() + delayMs;
    let handle: ReturnType<typeof setTimeout>;
    const wait = (leftMs: number): void => {
      handle = setTimeout(check, Math.min(leftMs, timerMsMax));
    };
    const check = (): void => {
      const leftMs = endsAt - performance.now();
      if (leftMs > 0) wait(leftMs);
      else callback();
    };
    wait(Math.max(0, delayMs));
    return () => clearTimeout(handle);
  },
};

/** A timer that may stay set while nothing waits for it, and does not keep the process alive meanwhile. */
export interface RestingTimer {
  readonly cancel: () => void;
  readonly rest: () => void;
  readonly wake: () => void;
}

/**
 * Starts such a timer of the machine; it may fire a little early.
 *
 * @returns `undefined` where timers are numbers, as in browsers, and no process depends on them.
 */
export function restingTimer(delayMs: number, callback: () => void): RestingTimer | undefined {
  const handle = setTimeout(callback, delayMs) as number | { ref(): unknown; unref(): unknown };
  const cancel = (): void => clearTimeout(handle as number);
  if (typeof handle === "object") return { cancel, rest: () => void handle.unref(), wake: () => void handle.ref() };
  cancel();
  return undefined;
}
