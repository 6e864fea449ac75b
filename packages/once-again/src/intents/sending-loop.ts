import { wakeablePause } from "../core/wakeable-pause.ts";
import type { ClaimedIntent } from "../stores/intent-store.ts";
import type { IntentsSettings } from "./intents-options.ts";
import type { StoreCalls } from "./retry-store-calls.ts";

/** Sends whatever is due, until it is stopped. */
export interface SendingLoop {
  /** Starts it, or has it look at once whether something is due. */
  wake(): void;
  /** Resolves when the store has nothing pending any more, or we were stopped. */
  idle(): Promise<void>;
  /** Resolves when everything under way has ended; `stop` has to be aborted before. */
  ended(): Promise<void>;
}

/** No shorter pauses: another process may be holding what is due for a moment. */
const pauseMsMin = 5;

/** How often ended intents past their retention are removed, and how many in one turn. */
const purgeEveryMs = 60_000;
export const purgeMax = 1000;

/** Delivers an intent that this loop claimed. */
export type DeliverIntent = (intent: ClaimedIntent, claim: { owner: string; sentAt: number }) => Promise<void>;

export function sendingLoop(
  settings: IntentsSettings,
  calls: StoreCalls,
  { stop, deliver, onFailure }: { stop: AbortSignal; deliver: DeliverIntent; onFailure: (error: unknown) => void },
): SendingLoop {
  const { clock, store, concurrency, leaseMs, pollMs } = settings;
  const running = new Set<Promise<void>>();
  const places = originPlaces(settings);
  const idlers = new Set<() => void>();
  const pause = wakeablePause(clock);
  let loop: Promise<void> | undefined;
  let purgedAt = -Infinity;

  const wake = (): void => {
    pause.wake();
    if (!stop.aborted) loop ??= run();
  };
  const start = (intent: ClaimedIntent, claim: { owner: string; sentAt: number }): void => {
    const leave = places.take(new URL(intent.request.url).origin);
    // After a fault of ours or of the user's functions, the intent is claimed again when its lease is over.
    const sending = deliver(intent, claim)
      .catch(onFailure)
      .finally(() => {
        running.delete(sending);
        leave();
        wake();
      });
    running.add(sending);
  };
  const release = (waiting: readonly (() => void)[]): void => {
    for (const resolve of waiting) {
      idlers.delete(resolve);
      resolve();
    }
  };
  /** Claims what is due, and says how long to wait then, milliseconds. */
  const claim = async (free: number): Promise<number> => {
    // Only those who wait now: the answer may not have what is added meanwhile.
    const waiting = [...idlers];
    const claim = { owner: crypto.randomUUID(), sentAt: clock.monotonic() };
    const { limit, full: exceptOrigins } = places.left(free);
    const request = { owner: claim.owner, leaseMs, limit, exceptOrigins };
    const { intents, nextMs } = await calls.ask(() => store.claim(request));
    for (const intent of intents) start(intent, claim);
    // An origin is left out only while something of it is under way.
    if (intents.length === 0 && nextMs === undefined && exceptOrigins.length === 0) release(waiting);
    return nextMs ?? pollMs;
  };
  const purge = async (): Promise<void> => {
    if (clock.monotonic() - purgedAt < purgeEveryMs) return;
    purgedAt = clock.monotonic();
    // Where there is more, the next turn goes on with it: so it keeps up with whatever rate they end at.
    if ((await calls.ask(() => store.purge({ limit: purgeMax }))) >= purgeMax) purgedAt = -Infinity;
  };
  const run = async (): Promise<void> => {
    while (!stop.aborted) {
      let waitMs = pollMs;
      try {
        await purge();
        const free = concurrency - running.size;
        if (free > 0) waitMs = await claim(free);
      } catch (error) {
        onFailure(error);
      }
      if (!stop.aborted) await pause.wait(Math.min(pollMs, Math.max(pauseMsMin, waitMs)));
    }
    await Promise.all(running);
    release([...idlers]);
  };
  stop.addEventListener("abort", () => pause.wake(), { once: true });
  return {
    wake,
    idle: () => new Promise((resolve) => (stop.aborted ? resolve() : void idlers.add(resolve))),
    ended: async () => loop,
  };
}

/** How many intents of each origin are under way, so that one server that hangs leaves room for the others. */
export interface OriginPlaces {
  /** Takes a place of an origin; the function that it returns gives it back. */
  take(origin: string): () => void;
  /**
   * Of `free` places, how many may be taken at once before the intents' origins are known, and the origins that
   * have all of theirs.
   */
  left(free: number): { readonly limit: number; readonly full: readonly string[] };
}

/** Counts the places that each origin has taken, of `concurrencyPerOrigin`. */
export function originPlaces({ concurrencyPerOrigin }: { readonly concurrencyPerOrigin: number }): OriginPlaces {
  const placesByOrigin = new Map<string, number>();
  return {
    take(origin) {
      placesByOrigin.set(origin, (placesByOrigin.get(origin) ?? 0) + 1);
      return () => {
        const rest = (placesByOrigin.get(origin) ?? 0) - 1;
        if (rest > 0) placesByOrigin.set(origin, rest);
        else placesByOrigin.delete(origin);
      };
    },
    left(free) {
      const counts = [...placesByOrigin];
      const full = counts.filter(([, count]) => count >= concurrencyPerOrigin).map(([origin]) => origin);
      // All that come may be of the origin that has taken the most of those that have room.
      const most = Math.max(0, ...counts.map(([, count]) => count).filter((count) => count < concurrencyPerOrigin));
      return { limit: Math.min(free, concurrencyPerOrigin - most), full };
    },
  };
}
