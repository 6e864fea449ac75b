import type { Clock } from "once-again";
import { systemClock } from "once-again/internal";

/** A clock on which every wait lasts until so many wait: then all of them end at once. */
export function gateClock(count: number): Clock {
  let waiting: (() => void)[] = [];
  return {
    ...systemClock,
    timer(_delayMs, callback) {
      waiting.push(callback);
      if (waiting.length === count) for (const open of waiting.splice(0)) open();
      return () => {
        waiting = waiting.filter((other) => other !== callback);
      };
    },
  };
}
