import { type Random, uniform } from "../../../packages/once-again/src/core/random.ts";

/** How the servers of one simulation keep their promise. */
export const modes = ["hold", "rerun-keyed", "reconcile-fenced", "transactional"] as const;
export type Mode = (typeof modes)[number];

/** How bad the world of one seed is. Shares are from 0 to 1. */
export interface Plan {
  readonly mode: Mode;
  readonly servers: number;
  readonly operations: number;
  readonly leaseMs: number;
  readonly waitMs: number;
  /** How long faults are injected for; after that, everything works. */
  readonly faultyMs: number;
  readonly networkFaults: number;
  readonly storeFaults: number;
  readonly effectFaults: number;
  /** Mean time between crashes, and between stand-stills, milliseconds. */
  readonly crashEveryMs: number;
  readonly stillEveryMs: number;
  /** The share of requests that a time-out of another party watches, in front of the rules or behind them. */
  readonly timeOuts: number;
  readonly workMsMax: number;
  /** After how long the server gives a handler up. */
  readonly handlerMsMax: number;
  readonly clockOffMsMax: number;
}

export function planOf(random: Random): Plan {
  const whole = (low: number, high: number): number => Math.floor(uniform(random, low, high + 1));
  return {
    mode: modes[whole(0, modes.length - 1)]!,
    servers: whole(1, 3),
    operations: whole(15, 40),
    leaseMs: whole(200, 1500),
    waitMs: whole(0, 1) * 200,
    faultyMs: 15_000,
    networkFaults: uniform(random, 0, 0.4),
    storeFaults: uniform(random, 0, 0.3),
    effectFaults: uniform(random, 0, 0.2),
    crashEveryMs: uniform(random, 500, 8000),
    stillEveryMs: uniform(random, 500, 8000),
    timeOuts: uniform(random, 0, 0.2),
    workMsMax: uniform(random, 10, 2500),
    handlerMsMax: uniform(random, 1000, 6000),
    clockOffMsMax: random() < 0.5 ? 0 : 3_600_000,
  };
}
