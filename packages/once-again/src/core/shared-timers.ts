import type { Clock } from "./clock.ts";

/** An entry of a list that is a ring: before the first and after the last is one that is none of them. */
interface Entry {
  readonly at: number;
  readonly callback: () => void;
  previous: Entry;
  next: Entry;
}

/**
 * A clock whose timers share one of the given clock's: for limits that are hardly ever reached, of which each operation
 * has its own. A timer of its own for each costs more than all that it watches.
 *
 * Use one for each kind of limit: a timer that is due before others that are set has to be put in its place, one step
 * for each of them.
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
    // The next may be due too, and is another's: what this one throws is no matter of theirs.
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
  // An entry that is still held on to must hold on to no others.
  entry.previous = entry.next = entry;
}
