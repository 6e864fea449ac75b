import type { Clock } from "once-again";
import { yieldToEventLoop } from "../../../src/simulator/yield-to-event-loop.ts";

/** Time that moves only when nothing is at work: an hour's wait takes none, and every run has the same times. */
export interface VirtualTime {
  readonly clock: Clock;
  /** Stops time until the returned function is called: work goes on that waits for no timer. */
  hold(): () => void;
  /** Runs timers, the earliest first, until `work` settles. Throws when nothing is left that could settle it. */
  run<Value>(work: Promise<Value>): Promise<Value>;
}

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** The date on which each run begins, milliseconds since the epoch. */
const startMs = Date.UTC(2026, 0, 1);

/** After so many turns in which nothing could happen, nothing will. */
const idleTurnsMax = 100_000;

/** In so many turns every promise settles that waits neither for a timer nor for what holds time. */
const quietTurns = 3;

export function virtualTime(): VirtualTime {
  const timers = new Set<Timer>();
  const holds = new Set<() => void>();
  let released = Promise.withResolvers<void>();
  let elapsedMs = 0;

  const takeEarliest = (): Timer | undefined => {
    let first: Timer | undefined;
    // Of equal times the one that was set first: a set has them in this order.
    for (const timer of timers) if (first === undefined || timer.atMs < first.atMs) first = timer;
    if (first !== undefined) timers.delete(first);
    return first;
  };
  return {
    clock: {
      now: () => startMs + elapsedMs,
      monotonic: () => elapsedMs,
      timer(delayMs, callback) {
        const timer = { atMs: elapsedMs + Math.max(0, delayMs), callback };
        timers.add(timer);
        return () => void timers.delete(timer);
      },
    },
    hold() {
      const release = (): void => {
        if (!holds.delete(release) || holds.size > 0) return;
        released.resolve();
        released = Promise.withResolvers();
      };
      holds.add(release);
      return release;
    },
    async run(work) {
      const state = { isSettled: false };
      const settle = (): void => void (state.isSettled = true);
      const settled = work.then(settle, settle);
      let quiet = 0;
      for (let idleTurns = 0; !state.isSettled; idleTurns += 1) {
        if (idleTurns > idleTurnsMax) throw new Error("The run stands still: nothing is left to happen.");
        await yieldToEventLoop();
        if (holds.size > 0) {
          // A database may take its time.
          await Promise.race([settled, released.promise]);
          quiet = 0;
          continue;
        }
        quiet += 1;
        if (quiet < quietTurns) continue;
        const timer = takeEarliest();
        if (timer === undefined) continue;
        idleTurns = 0;
        quiet = 0;
        elapsedMs = timer.atMs;
        timer.callback();
      }
      return work;
    },
  };
}
