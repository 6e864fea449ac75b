import { type PolicyOptions, simulateStorm, type StormResult } from "../../packages/tools/src/simulator/index.ts";
import { busyWorlds, oneFailure, onceWorlds, type World } from "./worlds.ts";

/** The figures of one way to wait. Less is better in all of them. */
export interface WaitFigures {
  /** The most requests in any second after the service is back, as a multiple of its capacity: dense callers. */
  readonly peak: number;
  /** Requests for each call while the service is down. */
  readonly load: number;
  /** From the service's return to the last success. */
  readonly lastSeconds: number;
  /** The share of the calls that were given up. */
  readonly givenUp: number;
  /** The time that one failure adds to a call when nothing else is wrong: the median. */
  readonly failureSeconds: number;
}

/** The figures of one budget. Less is better in all of them. */
export interface BudgetFigures {
  readonly peak: number;
  readonly load: number;
  readonly givenUpSparse: number;
  readonly givenUpDense: number;
  /** From the end of the outage until a busy service serves nine of ten new calls: the mean of its outages, `null` if never. */
  readonly busySeconds: number | null;
  /** After how many of those outages it never does. */
  readonly busyNever: number;
}

/** @param policy without retries being paid for: what is compared are the waits. */
export function waitFigures(policy: PolicyOptions, seeds: number): WaitFigures {
  const runs = runsOf(onceWorlds, { ...policy, budget: { kind: "none" } }, seeds);
  const { latency } = simulateStorm({ ...oneFailure, policy });
  return {
    ...loadFigures(runs),
    lastSeconds: mean(runs.map(({ result }) => (result.recovery.afterMs ?? Number.NaN) / 1000)),
    givenUp: givenUp(runs),
    // Four messages are under way, refused or not.
    failureSeconds: ((latency.p50Ms ?? Number.NaN) - 20) / 1000,
  };
}

export function budgetFigures(policy: PolicyOptions, seeds: number): BudgetFigures {
  const runs = runsOf(onceWorlds, policy, seeds);
  const busy = runsOf(busyWorlds, policy, 1).map(({ result }) => result.recovery.afterMs);
  const back = busy.filter((afterMs) => afterMs !== null);
  const of = (callers: World["callers"]) => givenUp(runs.filter(({ world }) => world.callers === callers));
  return {
    ...loadFigures(runs),
    givenUpSparse: of("sparse"),
    givenUpDense: of("dense"),
    busySeconds: back.length === 0 ? null : mean(back) / 1000,
    busyNever: busy.length - back.length,
  };
}

interface Run {
  readonly world: World;
  readonly result: StormResult;
}

function runsOf(worlds: readonly World[], policy: PolicyOptions, seeds: number): Run[] {
  return worlds.flatMap((world) =>
    Array.from({ length: seeds }, (_, seed) => ({
      world,
      result: simulateStorm({ ...world.storm, seed: seed + 1, policy }),
    })),
  );
}

function loadFigures(runs: readonly Run[]): Pick<WaitFigures, "peak" | "load"> {
  const dense = runs.filter(({ world }) => world.callers === "dense");
  return { peak: mean(dense.map(peakOf)), load: mean(runs.map(downLoadOf)) };
}

/** The most requests in any second after the outage, of which the service can bear 1. */
function peakOf({ world, result: { load } }: Run): number {
  const perSecond = load.attemptsPerSecond.slice(world.outageMs / load.stepMs);
  const steps = 1000 / load.stepMs;
  const seconds = perSecond.map((_, step) => mean(perSecond.slice(step, step + steps)));
  return Math.max(0, ...seconds) / world.capacityPerSecond;
}

function downLoadOf({ world, result: { calls, load } }: Run): number {
  const perSecond = load.attemptsPerSecond.slice(0, world.outageMs / load.stepMs);
  return (mean(perSecond) * world.outageMs) / 1000 / calls.begun;
}

const givenUp = (runs: readonly Run[]): number => mean(runs.map(({ result: { calls } }) => calls.failed / calls.begun));

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
