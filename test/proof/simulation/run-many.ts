import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { SeedResult } from "./run-seed.ts";
import type { ScenarioName } from "./scenarios.ts";
import { count, noTotals, type Totals } from "./totals.ts";

/** Simulated crashes leave listeners behind that are never collected. So a worker ends after so many seeds, and another one begins. */
const seedsPerWorker = 1000;

/**
 * Plays seeds 1, 2, 3 and so on, each on whichever worker is free.
 *
 * @param isEnough looks at what was counted so far, and at how many seeds were begun.
 */
export async function runMany(
  scenario: ScenarioName,
  workers: number,
  isEnough: (totals: Totals, begun: number) => boolean,
  onProgress: (totals: Totals) => void,
): Promise<Totals> {
  const totals = noTotals(scenario);
  let begun = 0;
  const playSome = async (): Promise<void> => {
    const worker = new Worker(new URL("./seed-worker.ts", import.meta.url), { workerData: scenario });
    try {
      for (let played = 0; played < seedsPerWorker && !isEnough(totals, begun); played += 1) {
        worker.postMessage((begun += 1));
        const [result] = (await once(worker, "message")) as [SeedResult];
        count(totals, result);
        onProgress(totals);
      }
    } finally {
      await worker.terminate();
    }
  };
  const work = async (): Promise<void> => {
    while (!isEnough(totals, begun)) await playSome();
  };
  await Promise.all(Array.from({ length: workers }, work));
  totals.failures.sort((one, other) => one.seed - other.seed);
  return totals;
}
