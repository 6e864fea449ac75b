import cluster from "node:cluster";
import process from "node:process";

/** What the first process tells its workers. */
export type WorkerOrder = "close" | "reload";

/**
 * Calls back when the first process says so, in a worker.
 *
 * @returns what ends it.
 */
export function onOrder(order: WorkerOrder, act: () => void): () => void {
  const onMessage = (message: unknown): void => {
    if (message === order) act();
  };
  if (cluster.isWorker) process.on("message", onMessage);
  return () => void process.off("message", onMessage);
}
