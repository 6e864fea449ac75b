import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { simulateStorm } from "../../packages/tools/src/simulator/index.ts";
import { type GridRun, stormOf } from "./grid.ts";

/** The result of one run: what a reader of the data asks for. */
export interface GridResult {
  readonly calls: number;
  readonly succeeded: number;
  /** Requests that reached the last service, for each call. */
  readonly amplification: number;
  readonly wastedRatio: number;
}

export function simulateRun(run: GridRun): GridResult {
  const { calls, amplification, wastedRatio } = simulateStorm(stormOf(run));
  return { calls: calls.begun, succeeded: calls.succeeded, amplification, wastedRatio };
}

/** Simulates runs in worker threads; the results are in the order of the runs. */
export async function simulateRuns(
  runs: readonly GridRun[],
  workers: number,
  onProgress: (done: number) => void,
): Promise<GridResult[]> {
  const results: GridResult[] = [];
  const left = runs.entries();
  let done = 0;
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL("./grid-worker.ts", import.meta.url));
    try {
      for (const [at, run] of left) {
        worker.postMessage(run);
        [results[at]] = (await once(worker, "message")) as [GridResult];
        onProgress((done += 1));
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return results;
}
