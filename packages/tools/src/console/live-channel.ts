import type { LiveEvent } from "./route.ts";

/** Brings events from where they happen to all watchers. */
export interface LiveChannel<Event extends LiveEvent = LiveEvent> {
  publish(event: Event): void;
  /**
   * The events from now on, until `signal` aborts, the channel closes, or the watcher has fallen `watcherEventsMax` behind.
   * A page that wants to go on connects again, and gets a snapshot first.
   */
  watch(signal: AbortSignal): AsyncIterable<Event>;
  /** Ends all watching. */
  close(): void;
}

/** So many events wait for a watcher that is slower than they come. */
const watcherEventsMax = 10_000;

interface Watcher<Event> {
  readonly waiting: Event[];
  isOver: boolean;
  wake(): void;
}

export function liveChannel<Event extends LiveEvent>(): LiveChannel<Event> {
  const watchers = new Set<Watcher<Event>>();
  const end = (watcher: Watcher<Event>): void => {
    watchers.delete(watcher);
    watcher.isOver = true;
    watcher.wake();
  };
  return {
    publish(event) {
      for (const watcher of watchers) {
        watcher.waiting.push(event);
        if (watcher.waiting.length > watcherEventsMax) end(watcher);
        else watcher.wake();
      }
    },
    // Not a generator itself: watching begins with the call, not with the first event that is asked for.
    watch(signal) {
      const watcher: Watcher<Event> = { waiting: [], isOver: signal.aborted, wake: () => undefined };
      if (!signal.aborted) watchers.add(watcher);
      const onAbort = (): void => end(watcher);
      signal.addEventListener("abort", onAbort, { once: true });
      return readEvents(watcher, () => {
        signal.removeEventListener("abort", onAbort);
        end(watcher);
      });
    },
    close() {
      for (const watcher of watchers) end(watcher);
    },
  };
}

async function* readEvents<Event>(watcher: Watcher<Event>, leave: () => void): AsyncGenerator<Event> {
  try {
    while (!watcher.isOver) {
      while (!watcher.isOver && watcher.waiting.length > 0) yield watcher.waiting.shift()!;
      if (watcher.isOver) return;
      await new Promise<void>((resolve) => {
        watcher.wake = resolve;
        if (watcher.waiting.length > 0 || watcher.isOver) resolve();
      });
    }
  } finally {
    leave();
  }
}
