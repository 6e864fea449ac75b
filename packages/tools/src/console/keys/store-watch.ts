import { systemClock } from "once-again/internal";
import type { InspectedRecord } from "once-again/stores";
import { heldByAge } from "../../admin/list.ts";
import { sampleWatch } from "../sample-watch.ts";
import type { StoreSample } from "./keys-protocol.ts";
import type { KeysSource } from "./keys-source.ts";

/** No more keys of a state are counted. */
export const countMax = 1000;

/** A store that takes longer to find its held keys is not asked for each page of them, milliseconds. */
const slowMs = 300;

/** The health of a store, and its held keys, where the store is slow to find them. */
export interface StoreWatch extends ReturnType<typeof sampleWatch<StoreSample>> {
  /** The held keys as they were last found, the oldest first, up to `countMax`; undefined where the store is quick. */
  lastHeld(): readonly InspectedRecord[] | undefined;
  /** Forgets them: one was settled. */
  forgetHeld(keys: readonly { readonly scope: string; readonly key: string }[]): void;
}

/** Samples the health of a store. */
export function storeWatch(source: KeysSource): StoreWatch {
  let lastHeld: readonly InspectedRecord[] | undefined;
  const takeSample = async (): Promise<StoreSample> => {
    const at = systemClock.now();
    const store = source.store();
    if (store === undefined) return { at, problem: noStore };
    try {
      const startedMs = systemClock.monotonic();
      await store.inspect(probe);
      const latencyMs = systemClock.monotonic() - startedMs;
      const held = await store.list({ ...heldByAge, limit: countMax });
      lastHeld = systemClock.monotonic() - startedMs > slowMs ? held : undefined;
      const running = (await store.list({ state: "running", limit: countMax, content: "sizes" })).length;
      const replays = source.replays?.();
      return {
        ...{ at, latencyMs, running, held: held.length },
        ...(held[0] !== undefined && { heldSince: held[0].record.leaseUntil }),
        ...(replays !== undefined && { replays }),
      };
    } catch (error) {
      return { at, problem: error instanceof Error ? error.message : String(error) };
    }
  };
  return {
    ...sampleWatch(takeSample),
    lastHeld: () => lastHeld,
    forgetHeld(keys) {
      const names = new Set(keys.map(nameText));
      lastHeld = lastHeld?.filter((record) => !names.has(nameText(record)));
    },
  };
}

/** A key that no one has: to look it up takes as long as to look up any other. */
const probe = { scope: "once-again console", key: "is the store there?" };

const nameText = ({ scope, key }: { readonly scope: string; readonly key: string }): string =>
  JSON.stringify([scope, key]);

/** Said while there is no store to show. */
export const noStore = "There is no store now. The lab has one during a run.";
