import { parentPort, workerData } from "node:worker_threads";
import { type ScenarioName, scenarios } from "./scenarios.ts";

const { play } = scenarios[workerData as ScenarioName];

// Plays the seeds that it is sent, one after the other.
parentPort?.on("message", (seed: number) => {
  void play(seed).then((result) => parentPort?.postMessage({ ...result, lines: [] }));
});
