import { systemClock } from "once-again";
import { sampleWatch } from "../sample-watch.ts";
import type { StoreSample } from "./keys-protocol.ts";
import type { KeysSource } from "./keys-source.ts";

/** No more keys of a state are counted. */
export const countMax = 1000;

/** Samples the health of a store. */
export const storeWatch = (source: KeysSource) => sampleWatch(() => takeSample(source));

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
