import cluster from "node:cluster";
import process from "node:process";

/** Where a gateway listens: for callers, and for operators. */
export interface GatewayUrls {
  readonly url: string;
  readonly adminUrl?: string | undefined;
}

/** The message of a worker that listens. */
interface ListeningMessage {
  readonly listening: GatewayUrls;
}

/** Says to the first process where this worker listens. */
export function reportListening(listening: GatewayUrls): void {
  process.send?.({ listening } satisfies ListeningMessage);
}

/** Where a worker listens, if that is what its message says. */
export const readListening = (message: unknown): GatewayUrls | undefined =>
  (message as Partial<ListeningMessage> | null)?.listening;

/** Orders of the first process to its workers. */
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
