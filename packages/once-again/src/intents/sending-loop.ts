import { wakeablePause } from "../core/wakeable-pause.ts";
import type { ClaimedIntent, ClaimedIntents, ClaimIntentsRequest } from "../stores/intent-store.ts";
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

/** The claim that gave us an intent. */
export interface Grant {
  readonly owner: string;
  /** When the call was sent that gave it, on the monotonic clock. */
  readonly sentAt: number;
  /** Whether it may be sent; else it is given back. */
  readonly hasPlace: boolean;
}

/** Delivers an intent that this loop claimed. */
export type DeliverIntent = (intent: ClaimedIntent, grant: Grant) => Promise<void>;

export function sendingLoop(
  settings: IntentsSettings,
  calls: StoreCalls,
  { stop, deliver, onFailure }: { stop: AbortSignal; deliver: DeliverIntent; onFailure: (error: unknown) => void },
): SendingLoop {
  const { clock, store, concurrency, pollMs } = settings;
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
  const start = (intent: ClaimedIntent, grant: Grant): void => {
    const leave = places.take(new URL(intent.request.url).origin);
    // After a fault of ours or of the user's functions, the intent is claimed again when its lease is over.
    const sending = deliver(intent, grant)
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
  const claims = claimCaller(settings, calls, { stop, start });
  /** Claims what is due, and says how long to wait then, milliseconds. */
  const claim = async (free: number): Promise<number> => {
    // Only those who wait now: the answer may not have what is added meanwhile.
    const waiting = [...idlers];
    const { intents, nextMs, exceptOrigins } = await claims.ask(places.left(free));
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
    await claims.giveBack().catch(onFailure);
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

/** A claim, which is asked again with the same request until it is answered. */
interface LoopClaim {
  readonly request: ClaimIntentsRequest & { readonly exceptOrigins: readonly string[] };
  /** The intents of its answers so far. */
  readonly ids: Set<string>;
}

/** Makes the claims of a loop, one after the other: as long as one has no answer, it may hold intents that nothing was sent of. */
interface ClaimCaller {
  /** Asks for the claim that has no answer yet, else for a new one, and starts the intents of the answer. */
  ask(room: PlacesLeft): Promise<ClaimedIntents & Pick<LoopClaim["request"], "exceptOrigins">>;
  /** Asks for the intents of the claim that has no answer, which are given back, since we are stopped. */
  giveBack(): Promise<void>;
}

function claimCaller(
  { clock, store, leaseMs }: IntentsSettings,
  calls: StoreCalls,
  { stop, start }: { stop: AbortSignal; start: (intent: ClaimedIntent, grant: Grant) => void },
): ClaimCaller {
  let unanswered: LoopClaim | undefined;

  /**
   * Makes one call of a claim, and starts what is in its answer, also when that comes after its time. The first answer fills
   * the places that the claim was made for. Intents that only a later one has are given back: nothing was sent of them.
   */
  const call = async (claim: LoopClaim, limit: number): Promise<ClaimedIntents> => {
    const { request, ids } = claim;
    const sentAt = clock.monotonic();
    const answer = await store.claim({ ...request, limit });
    const free = claim === unanswered && !stop.aborted ? request.limit : 0;
    if (claim === unanswered) unanswered = undefined;
    for (const intent of answer.intents) {
      // One of an earlier answer may be under way.
      if (ids.has(intent.id)) continue;
      ids.add(intent.id);
      start(intent, { owner: request.owner, sentAt, hasPlace: ids.size <= free });
    }
    return answer;
  };
  return {
    async ask({ limit, full: exceptOrigins }) {
      // No other claim fills places meanwhile, so those that it was made for are free, and more may be.
      const claim = (unanswered ??= {
        request: { owner: crypto.randomUUID(), leaseMs, limit, exceptOrigins },
        ids: new Set(),
      });
      const { request } = claim;
      return { ...(await calls.ask(() => call(claim, request.limit))), exceptOrigins: request.exceptOrigins };
    },
    async giveBack() {
      const claim = unanswered;
      if (claim !== undefined) await calls.ask(() => call(claim, 0));
    },
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
  left(free: number): PlacesLeft;
}

/** How many intents may be claimed at once, and the origins that have all of their places. */
interface PlacesLeft {
  readonly limit: number;
  readonly full: readonly string[];
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
