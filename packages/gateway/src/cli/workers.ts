import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { sleep } from "once-again";
import { systemClock } from "once-again/internal";
import { exitCodes } from "once-again/internal/command";
import type { ReloadRequests } from "./reload-requests.ts";
import { answerMetrics } from "./shared-metrics.ts";
import { type GatewayUrls, readListening, type WorkerOrder } from "./worker-orders.ts";

/** How long after its death a worker has a successor, milliseconds: one that can't live must not be all that a machine does. */
const restartMs = 1000;

/** Reports of what happens to workers, for the command. */
export interface WorkerReports {
  /** All of them listen. */
  onListening(urls: GatewayUrls): void;
  /** It will have a successor; `wasUp`: it listened before. */
  onDeath(worker: { readonly pid: number | undefined; readonly reason: string; readonly wasUp: boolean }): void;
}

/**
 * Runs this very command in some workers, which share its port, until `signal` aborts. One that dies has a successor. One
 * that can't start ends them all, unless all were up before: a store that is away must not end those that serve.
 *
 * @returns the exit code: that of the worker that could not start.
 */
export async function runWorkers(
  count: number,
  signal: AbortSignal,
  reloads: ReloadRequests,
  reports: WorkerReports,
): Promise<number> {
  const ended = Promise.withResolvers<number>();
  let isUp = false;
  const listening = new Set<Worker>();
  // Each worker accepts its own connections: what a dead one had is closed by the system, and what it did not accept is
  // left to the others. A connection that the first process hands over would be lost with the worker that it was on its way to.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const start = (): void => {
    if (!signal.aborted) cluster.fork();
  };
  cluster.on("message", (worker, message: unknown) => {
    const urls = readListening(message);
    if (urls === undefined) return;
    listening.add(worker);
    if (isUp || listening.size < count) return;
    isUp = true;
    reports.onListening(urls);
  });
  answerMetrics();
  cluster.on("exit", (worker, code, killedBy) => {
    if (signal.aborted) return;
    const wasUp = listening.delete(worker);
    if (!wasUp && !isUp) return ended.resolve(code ?? exitCodes.bad);
    reports.onDeath({ pid: worker.process.pid, reason: killedBy ?? `exit code ${code}`, wasUp });
    void sleep(systemClock, restartMs, signal).then(start, () => undefined);
  });
  // One that is started later reads it anyhow.
  reloads.answerBy(() => tell("reload"));
  signal.addEventListener("abort", () => ended.resolve(exitCodes.fine), { once: true });
  for (let at = 0; at < count; at += 1) start();
  const code = await ended.promise;
  await closeAll(listening);
  return code;
}

const workers = (): Worker[] => Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);

/** Sends an order to each worker. One that is starting gets it as soon as it listens; one that is dying never does. */
function tell(order: WorkerOrder): void {
  for (const worker of workers()) if (worker.isConnected()) worker.send(order, () => undefined);
}

/** Ends each when its running requests have ended; one that does not listen yet has none, and may not hear us. */
async function closeAll(listening: ReadonlySet<Worker>): Promise<void> {
  const exits = workers().map(async (worker) => worker.isDead() || once(worker, "exit"));
  for (const worker of workers()) if (!listening.has(worker)) worker.process.kill("SIGKILL");
  tell("close");
  await Promise.all(exits);
}
