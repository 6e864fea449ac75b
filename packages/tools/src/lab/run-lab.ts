import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkNumber, invalidOptionError } from "once-again/internal";
import { labApi } from "./api.ts";
import { callerNames, type CallerName } from "./caller-name.ts";
import { carelessCaller } from "./careless-caller.ts";
import { crashShares, crashSchedule } from "./crash-schedule.ts";
import { labPlan } from "./fault-plan.ts";
import { killableCaller, type KillableCaller } from "./killable-caller.ts";
import type { LabResult } from "./lab-result.ts";
import { audit, type Audit, readCharges } from "./ledger.ts";
import type { Order } from "./orders.ts";
import { runCaller } from "./run-caller.ts";
import { safeCaller } from "./safe-caller.ts";
import { sendAll, type Outcomes } from "./send-all.ts";
import type { CallerOptions, SendOrder } from "./send-order.ts";

/** The options of the lab. */
export interface LabOptions {
  /** Both callers send these, in this order: at least one, each with another id. */
  readonly orders: readonly Order[];
  /** Share of the attempts that meet a fault, 0 to 1. Default 0.3. */
  readonly faults?: number | undefined;
  /** The same seed brings the same faults to the same attempts. A whole number from 0 to 2^53 - 1, default 1. */
  readonly seed?: number | undefined;
  /** How many orders each caller has on the way at a time: 1 to 256, default 8. */
  readonly callers?: number | undefined;
  /**
   * Kills the API five times during the run, and the callers, which then have separate processes, four times. Starts
   * them again: the API on the same database, the callers on what they had on disk. Default false.
   */
  readonly crash?: boolean | undefined;
  /** Ends the run early. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each order, of both callers together. */
  readonly onProgress?: ((settled: number, total: number) => void) | undefined;
}

const callers: Record<CallerName, (options: CallerOptions) => SendOrder> = {
  careless: carelessCaller,
  safe: safeCaller,
};

/**
 * Sends the same orders through two callers, careless and safe, to the same API, over networks with the same faults, and
 * holds the ledger against them. Everything happens on this machine; nothing stays behind.
 *
 * Up to 0.9 of faults the safe caller gets all its orders through. With a share of 1 nothing can pass, and the run takes
 * as long as 200 attempts at each order do.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds; the signal's reason when it aborts; Error when
 *   the API can't be started or ends by itself.
 */
export async function runLab(options: LabOptions): Promise<LabResult> {
  const settings = {
    faults: checkNumber("faults", options.faults ?? 0.3, { min: 0, max: 1 }),
    seed: checkNumber("seed", options.seed ?? 1, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true }),
    concurrency: checkNumber("callers", options.callers ?? 8, { min: 1, max: 256, integer: true }),
  };
  if (options.orders.length === 0) throw invalidOptionError("orders", "at least one order", "none");
  const folder = await mkdtemp(join(tmpdir(), "once-again-lab-"));
  try {
    return await runInFolder(folder, { ...options, ...settings });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runInFolder(
  folder: string,
  options: LabOptions & { faults: number; seed: number; concurrency: number },
): Promise<LabResult> {
  const { orders, faults, seed, concurrency, crash = false, onProgress } = options;
  const database = join(folder, "lab.sqlite");
  const stop = new AbortController();
  const fail = (error: unknown): void => stop.abort(error);
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);

  await using api = await labApi(database, fail);
  const total = orders.length * callerNames.length;
  const killable: KillableCaller[] = [];
  const apiCrashes = crashSchedule(crash ? total : 0, crashShares.api, () => api.crash().then(() => true), fail);
  const callerCrashes = crashSchedule(crash ? total : 0, crashShares.callers, () => crashAll(killable), fail);
  let settled = 0;
  const onSettled = (): void => {
    settled += 1;
    apiCrashes.step();
    callerCrashes.step();
    onProgress?.(settled, total);
  };
  const sendFromThisProcess = (name: CallerName, caller: CallerOptions): Promise<Outcomes> =>
    sendAll({ orders, concurrency, send: callers[name](caller), signal, onSettled });
  const sendFromOwnProcess = (name: CallerName, { url, onWait }: CallerOptions): Promise<Outcomes> => {
    const task = { name, url, orders, concurrency, path: join(folder, `${name}-caller`) };
    const caller = killableCaller(task, { signal, onWait, onSettled });
    killable.push(caller);
    return caller.outcomes;
  };
  const runs = callerNames.map((name) =>
    runCaller({
      orders,
      send: (caller) => (crash ? sendFromOwnProcess : sendFromThisProcess)(name, caller),
      plan: labPlan({ seed, faults }),
      apiPort: () => api.port,
    }),
  );
  for (const run of runs) run.catch(fail);
  // All of them end before anything is torn down, also when one fails.
  await Promise.allSettled(runs);
  const crashes = { api: await apiCrashes.settled(), caller: await callerCrashes.settled() };
  signal.throwIfAborted();
  const [careless, safe] = await Promise.all(runs);
  await api.stop();

  const auditCaller = (name: CallerName): Promise<Audit> => audit(orders, readCharges(database, name));
  return {
    seed,
    faults,
    crashes,
    careless: { ...careless!, ...(await auditCaller("careless")) },
    safe: { ...safe!, ...(await auditCaller("safe")) },
  };
}

/** Kills both callers, unless one is over (`false`): then only the other would have the crash. */
async function crashAll(callers: readonly KillableCaller[]): Promise<boolean> {
  if (callers.some(({ isOver }) => isOver)) return false;
  await Promise.all(callers.map((caller) => caller.crash()));
  return true;
}
