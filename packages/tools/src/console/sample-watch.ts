import { sleep } from "once-again";
import { systemClock } from "once-again/internal";
import { liveChannel } from "./live-channel.ts";

/** An event of a watch: first the `history`, then each new `sample`. */
export type SampleEvent<Sample> =
  | { readonly event: "history"; readonly data: readonly Sample[] }
  | { readonly event: "sample"; readonly data: Sample };

/** Samples for all who watch. */
export interface SampleWatch<Sample> {
  watch(signal: AbortSignal): AsyncGenerator<SampleEvent<Sample>>;
  close(): void;
}

/** Those of the last quarter of an hour. */
const quarterOfAnHour = 450;
const intervalMs = 2000;

/** A slow store is asked less often: it spends no more than a tenth of its time on us. */
const restRatio = 9;

/**
 * Takes samples of a store for all watchers, and none without a watcher.
 *
 * @param samplesMax how many are stored for later watchers.
 */
export function sampleWatch<Sample>(
  takeSample: () => Promise<Sample>,
  samplesMax = quarterOfAnHour,
): SampleWatch<Sample> {
  const channel = liveChannel<SampleEvent<Sample>>();
  const samples: Sample[] = [];
  const closing = new AbortController();
  const watchers = new Set<AbortSignal>();
  let isAsking = false;

  const ask = async (): Promise<void> => {
    isAsking = true;
    while (watchers.size > 0 && !closing.signal.aborted) {
      const startedMs = systemClock.monotonic();
      const sample = await takeSample();
      samples.push(sample);
      if (samples.length > samplesMax) samples.shift();
      channel.publish({ event: "sample", data: sample });
      const tookMs = systemClock.monotonic() - startedMs;
      await sleep(systemClock, Math.max(intervalMs, tookMs * restRatio), closing.signal).catch(() => undefined);
    }
    isAsking = false;
  };
  return {
    async *watch(signal: AbortSignal): AsyncGenerator<SampleEvent<Sample>> {
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
