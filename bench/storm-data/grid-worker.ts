import { parentPort } from "node:worker_threads";
import type { GridRun } from "./grid.ts";
import { simulateRun } from "./run-grid.ts";

// Simulates the runs that it is sent, one after the other.
parentPort?.on("message", (run: GridRun) => parentPort?.postMessage(simulateRun(run)));
