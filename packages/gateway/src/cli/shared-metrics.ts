import cluster from "node:cluster";
import process from "node:process";
import { AggregatorRegistry, type Registry, type RegistryContentType } from "prom-client";

/** A worker's request for the metrics of all, and the reply of the first process. */
type MetricsMessage = { readonly ask: "metrics"; readonly id: number; readonly text?: string | undefined };

const isMetrics = (message: unknown): message is MetricsMessage =>
  (message as MetricsMessage | null)?.ask === "metrics";

/**
 * The metrics of a gateway: of this process, or, in a worker, of all workers together, since a scrape may reach any one of
 * them.
 */
export function sharedMetrics(registry: Registry): () => Promise<string> {
  if (cluster.isPrimary) return () => registry.metrics();
  answerFirstProcess(registry);
  const waiting = new Map<number, PromiseWithResolvers<string>>();
  let asked = 0;
  process.on("message", (message) => {
    if (!isMetrics(message)) return;
    const answer = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.text === undefined) answer?.reject(new Error("A worker did not send its metrics."));
    else answer?.resolve(message.text);
  });
  return () => {
    const answer = Promise.withResolvers<string>();
    waiting.set((asked += 1), answer);
    process.send?.({ ask: "metrics", id: asked } satisfies MetricsMessage);
    return answer.promise;
  };
}

/** Has prom-client tell the first process of these metrics when it asks: it listens once there is one of its registries. */
function answerFirstProcess(registry: Registry): AggregatorRegistry<RegistryContentType> {
  AggregatorRegistry.setRegistries(registry);
  return new AggregatorRegistry();
}

/** Answers workers that ask, in the first process. */
export function answerMetrics(): void {
  const all = new AggregatorRegistry();
  cluster.on("message", (worker, message: unknown) => {
    if (!isMetrics(message)) return;
    const answer = (text?: string): void => {
      if (worker.isConnected()) worker.send({ ...message, text }, () => undefined);
    };
    all.clusterMetrics().then(answer, () => answer());
  });
}
