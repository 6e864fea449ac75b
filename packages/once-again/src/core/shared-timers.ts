import type { Clock } from "./clock.ts";
import { Deadline, DeadlineTimer } from "./deadline-timer.ts";

/** A clock whose timers share one timer of the given clock: see `DeadlineTimer`, for what is no deadline by itself. */
export function sharedTimers(clock: Clock): Clock {
  const deadlines = new DeadlineTimer(clock);
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    timer(delayMs, callback) {
      const timer = new Timer(callback);
      deadlines.set(timer, clock.monotonic() + delayMs);
      return () => deadlines.clear(timer);
    },
  };
}

class Timer extends Deadline {
  readonly onDue: () => void;

  constructor(callback: () => void) {
    super();
    this.onDue = callback;
  }
}
