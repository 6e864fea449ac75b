import { setImmediate } from "node:timers/promises";
import type { Clock } from "once-again";
import { checkNumber } from "once-again/internal";

/** A clock that stands still until `advance` moves it. */
export interface FakeClock extends Clock {
  /**
   * Moves time on by `ms` milliseconds (0 or more). Each timer that falls due on the way fires at its exact time, in the
   * order of their times (equal times: in the order they were set), timers set meanwhile included. Before the first,
   * between any two and after the last, every promise that can settle without I/O settles.
   *
   * Overlapping calls run one after the other.
   *
   * @throws OnceAgainError `ONCE_OPTION_INVALID` for a negative `ms`; whatever a timer's callback throws, time then
   * stands at that timer.
   */
  advance(ms: number): Promise<void>;
  /** How many timers are set and have neither fired nor been cancelled. */
  readonly pending: number;
}

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/**
 * Makes a clock for tests: what waits an hour in production takes no time, and takes exactly an hour.
 *
 * @param startMs wall time at the start, milliseconds since the Unix epoch; 0 by default. Monotonic time starts at 0.
 * @example
 * ```ts
 * const clock = fakeClock();
 * const waited = retry(work, { clock }); // fails, and would wait for a second
 * await clock.advance(1000); // which is over at once
 * ```
 */
export function fakeClock(startMs = 0): FakeClock {
  let elapsedMs = 0;
  let advances: Promise<unknown> = Promise.resolve();
  // A set keeps the order of insertion, which is the order among timers of equal time.
  const timers = new Set<Timer>();

  const earliest = (): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) if (first === undefined || timer.dueMs < first.dueMs) first = timer;
    return first;
  };

  const advanceNow = async (ms: number): Promise<void> => {
    const endMs = elapsedMs + ms;
    // The event loop reaches an immediate only when no microtask is left.
    await setImmediate();
    for (let timer = earliest(); timer !== undefined && timer.dueMs <= endMs; timer = earliest()) {
      timers.delete(timer);
      elapsedMs = timer.dueMs;
      timer.callback();
      await setImmediate();
    }
    elapsedMs = endMs;
  };

  return {
    now: () => startMs + elapsedMs,
    monotonic: () => elapsedMs,
    timer(delayMs, callback) {
      const timer = { dueMs: elapsedMs + Math.max(0, delayMs), callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async advance(ms) {
      checkNumber("ms", ms, { min: 0 });
      const advance = advances.then(() => advanceNow(ms));
      advances = advance.catch(() => undefined);
      await advance;
    },
    get pending() {
      return timers.size;
    },
  };
}
