import type { Clock } from "./clock.ts";

/** An entry of a ring. One entry stands for none: it is before the first and after the last. */
interface Entry {
  readonly at: number;
  readonly callback: () => void;
  previous: Entry;
  next: Entry;
}

/**
 * A clock whose timers share one timer of the given clock. It is for limits that are hardly ever reached, one for each
 * operation: a timer of the platform's for each would cost more than the operation.
 *
 * Use one for each kind of limit. A timer that is due before others takes one step for each of them to be put in its place.
 */
export function sharedTimers(clock: Clock): Clock {
  const ring = { at: Number.NEGATIVE_INFINITY } as Entry;
  ring.previous = ring.next = ring;
  let stop: (() => void) | undefined;

  const waitForFirst = (): void => {
    stop?.();
    stop = ring.next === ring ? undefined : clock.timer(Math.max(0, ring.next.at - clock.monotonic()), fire);
  };
  const fire = (): void => {
    const now = clock.monotonic();
    const first = ring.next;
    if (first.at > now) return waitForFirst();
    unlink(first);
    // Before the callback: if it throws, the timers after it still fire.
    waitForFirst();
    first.callback();
  };

  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    timer(delayMs, callback) {
      const at = clock.monotonic() + delayMs;
      let previous = ring.previous;
      while (previous.at > at) previous = previous.previous;
      const entry = { at, callback, previous, next: previous.next };
      previous.next = entry.next.previous = entry;
      if (previous === ring) waitForFirst();
      return () => {
        unlink(entry);
        if (ring.next === ring) waitForFirst();
      };
    },
  };
}

function unlink(entry: Entry): void {
  entry.previous.next = entry.next;
  entry.next.previous = entry.previous;
  // Somebody may still hold this entry; its neighbours must not stay in memory because of it.
  entry.previous = entry.next = entry;
}
