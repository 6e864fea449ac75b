import { requireMethod } from "./options.ts";
import { onAbort } from "./on-abort.ts";

/**
 * Where the library gets the time from. Everything that waits or dates something takes a `Clock`, so that a test or a
 * simulation can decide what time it is.
 */
export interface Clock {
  /** Wall time, milliseconds since the Unix epoch. It may jump; use it for dates only. */
  now(): number;
  /** Monotonic time, milliseconds from an arbitrary start. It never jumps; use it for durations. */
  monotonic(): number;
  /**
   * Calls `callback` once, after `delayMs` milliseconds (0 or more, not bounded above).
   *
   * @returns a function that cancels the timer; calling it late or twice does nothing.
   */
  timer(delayMs: number, callback: () => void): () => void;
}

/**
 * Waits `delayMs` milliseconds.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no clock.
 * @throws the signal's `reason`, at once, when `signal` aborts; neither a timer nor a listener stays behind.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    requireMethod("clock", "a Clock", clock, "timer");
    if (signal?.aborted) return reject(signal.reason);
    let stopListening: (() => void) | undefined;
    const cancel = clock.timer(delayMs, () => {
      stopListening?.();
      resolve();
    });
    stopListening =
      signal &&
      onAbort(signal, () => {
        cancel();
        stopListening?.();
        reject(signal.reason);
      });
  });
}
