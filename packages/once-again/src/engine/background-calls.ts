import { sleep } from "../core/clock.ts";
import { semaphore } from "../core/semaphore.ts";
import { equalJitter, exponentialBackoff } from "../retry/index.ts";
import type { CheckedEngineOptions } from "./options.ts";

/** One thing that the store has to be asked for until it has said what became of it. */
export interface BackgroundCall {
  /** The memory it holds meanwhile, bytes. */
  readonly bytes: number;
  /** The longest pause between two calls, milliseconds. */
  readonly pauseMsMax: number;
  /**
   * Asks once. `true`: it is known now, or no longer worth asking for. A rejection is asked for again.
   *
   * @param isClosing whether the process is about to end, and this may be the last call.
   */
  ask(isClosing: boolean): Promise<boolean>;
  /** Is called when it is asked for no more, settled or given up. */
  readonly onEnd?: (() => void) | undefined;
}

/** Store calls that continue after the caller has its response. */
export interface BackgroundCalls {
  /** @returns `false` when too much is unsettled already: then it is not asked for any more. */
  add(unsettled: BackgroundCall): boolean;
  /** Holds `close` up until a call that nothing else waits for has ended. */
  readonly watch: (call: Promise<unknown>) => void;
  /** Whether `close` has resolved: nothing is sent to the store any more. */
  isClosed(): boolean;
  /** Asks at once for all that is unsettled, and resolves when it is settled, or after twice `storeMsMax`. */
  close(): Promise<void>;
}

/** How many may be unsettled at a time, and how much memory they may hold: what an outage of a busy server leaves. */
const unsettledMax = 10_000;
const bytesMax = 64 * 1024 * 1024;
/** How many are asked for at a time: a store that comes back is not met by all of them at once. */
const callsMax = 10;
/** How long anything is asked for, milliseconds: an outage that lasts longer needs people in any case. */
const msMax = 3_600_000;

export function backgroundCalls({ clock, random, retentionMs, storeMsMax }: CheckedEngineOptions): BackgroundCalls {
  const backoff = exponentialBackoff({ baseMs: 500, capMs: 30_000, jitter: equalJitter() });
  const running = new Set<Promise<void>>();
  /** Ends the pauses that run. */
  let pauses = new AbortController();
  const endPauses = (): void => {
    pauses.abort();
    pauses = new AbortController();
  };
  const places = semaphore(callsMax);
  let [unsettled, bytes] = [0, 0];
  let state: "open" | "closing" | "closed" = "open";

  const inTurn = async (call: () => Promise<boolean>): Promise<boolean> => {
    await places.take();
    try {
      return await call();
    } catch {
      return false;
    } finally {
      places.leave();
    }
  };
  const settle = async (one: BackgroundCall): Promise<void> => {
    const endsAt = clock.monotonic() + Math.min(msMax, retentionMs);
    for (let [retry, previousDelayMs] = [1, 0]; ; retry += 1) {
      if (await inTurn(async () => state === "closed" || one.ask(state === "closing"))) return;
      if (clock.monotonic() >= endsAt) return;
      previousDelayMs = Math.min(one.pauseMsMax, backoff({ retry, previousDelayMs, random }));
      const pauseMs = state === "closing" ? Math.min(100, previousDelayMs) : previousDelayMs;
      await sleep(clock, pauseMs, pauses.signal).catch(() => undefined);
    }
  };
  const track = (work: Promise<unknown>): Promise<void> => {
    const ended: Promise<void> = work.then(
      () => void running.delete(ended),
      () => void running.delete(ended),
    );
    running.add(ended);
    return ended;
  };

  return {
    add(one) {
      if (state === "closed" || unsettled >= unsettledMax || bytes + one.bytes > bytesMax) return false;
      unsettled += 1;
      bytes += one.bytes;
      void track(settle(one)).then(() => {
        unsettled -= 1;
        bytes -= one.bytes;
        one.onEnd?.();
      });
      return true;
    },
    watch: (call) => void track(call),
    isClosed: () => state === "closed",
    async close() {
      if (state === "closed") return;
      state = "closing";
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const cancel = clock.timer(2 * storeMsMax, resolve);
      endPauses();
      const settled = (async () => {
        while (running.size > 0) await Promise.all(running);
      })();
      await Promise.race([settled, late]);
      cancel();
      state = "closed";
      endPauses();
    },
  };
}
