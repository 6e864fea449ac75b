import { parentPort } from "node:worker_threads";
import { runSeed } from "./run-seed.ts";

// Plays the seeds that it is sent, one after the other.
parentPort?.on("message", (seed: number) => {
  void runSeed(seed).then((result) => parentPort?.postMessage({ ...result, lines: [] }));
});
