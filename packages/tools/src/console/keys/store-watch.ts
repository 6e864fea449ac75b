import { sleep } from "once-again";
import { systemClock } from "once-again";
import { liveChannel } from "../live-channel.ts";
import type { KeysEvent, StoreSample } from "./keys-protocol.ts";
import type { KeysSource } from "./keys-source.ts";

/** No more keys of a state are counted. */
export const countMax = 1000;

/** The samples of the last quarter of an hour. */
const samplesMax = 450;
const intervalMs = 2000;

/** A slow store is asked less often: it spends no more than a tenth of its time on us. */
const restRatio = 9;

/** Samples the health of a store, for all who watch, and only while somebody watches. */
export function storeWatch(source: KeysSource) {
  const channel = liveChannel<KeysEvent>();
  const samples: StoreSample[] = [];
  const closing = new AbortController();
  const watchers = new Set<AbortSignal>();
  let isAsking = false;

  const ask = async (): Promise<void> => {
    isAsking = true;
    while (watchers.size > 0 && !closing.signal.aborted) {
      const startedMs = systemClock.monotonic();
      const sample = await takeSample(source);
      samples.push(sample);
      if (samples.length > samplesMax) samples.shift();
      channel.publish({ event: "sample", data: sample });
      const tookMs = systemClock.monotonic() - startedMs;
      await sleep(systemClock, Math.max(intervalMs, tookMs * restRatio), closing.signal).catch(() => undefined);
    }
    isAsking = false;
  };
  return {
    async *watch(signal: AbortSignal): AsyncGenerator<KeysEvent> {
      const events = channel.watch(signal);
      watchers.add(signal);
      try {
        yield { event: "history", data: [...samples] };
        if (!isAsking) void ask();
        yield* events;
      } finally {
        watchers.delete(signal);
      }
    },
    close(): void {
      closing.abort();
      channel.close();
    },
  };
}

/** Said while there is no store to show. */
export const noStore = "There is no store now. The lab has one during a run.";

async function takeSample(source: KeysSource): Promise<StoreSample> {
  const at = systemClock.now();
  const store = source.store();
  if (store === undefined) return { at, problem: noStore };
  const startedMs = systemClock.monotonic();
  try {
    const count = async (state: "running" | "abandoned"): Promise<number> =>
      (await store.list({ state, limit: countMax })).length;
    const running = await count("running");
    const latencyMs = systemClock.monotonic() - startedMs;
    const replays = source.replays?.();
    return { at, latencyMs, running, held: await count("abandoned"), ...(replays !== undefined && { replays }) };
  } catch (error) {
    return { at, problem: error instanceof Error ? error.message : String(error) };
  }
}
