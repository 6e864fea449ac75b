import { join } from "node:path";
import { labApi } from "./api.ts";
import { callerNames, type CallerName } from "./caller-name.ts";
import { carelessCaller } from "./careless-caller.ts";
import { crashShares, crashSchedule } from "./crash-schedule.ts";
import { labPlan } from "./fault-plan.ts";
import { killableCaller, type KillableCaller } from "./killable-caller.ts";
import type { LabResult } from "./lab-result.ts";
import { audit, type Audit, readCharges } from "./ledger.ts";
import { runCaller } from "./run-caller.ts";
import { runStory, type StoryOptions, type StoryRun } from "./run-story.ts";
import { safeCaller } from "./safe-caller.ts";
import { sendAll, type Outcomes } from "./send-all.ts";
import type { CallerOptions, SendOrder } from "./send-order.ts";

/** The options of the lab. */
export interface LabOptions extends StoryOptions {
  /** Share of the attempts that meet a fault, 0 to 1. Default 0.3. */
  readonly faults?: number | undefined;
  /**
   * Kills the API five times during the run, and the callers, which then have separate processes, four times. Starts
   * them again: the API on the same database, the callers on what they had on disk. Default false.
   */
  readonly crash?: boolean | undefined;
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
export const runLab = (options: LabOptions): Promise<LabResult> =>
  runStory(options, { faultsMax: 1, run: runRequests });

async function runRequests(running: StoryRun<LabOptions>): Promise<LabResult> {
  const { folder, orders, faults, seed, concurrency, crash = false, onProgress } = running;
  const database = join(folder, "lab.sqlite");
  const stop = new AbortController();
  const fail = (error: unknown): void => stop.abort(error);
  const signal = running.signal === undefined ? stop.signal : AbortSignal.any([running.signal, stop.signal]);

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
