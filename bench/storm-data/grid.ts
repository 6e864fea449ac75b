import type { PolicyOptions, StormOptions } from "../../packages/tools/src/simulator/index.ts";

/** One run of the grid: what is varied, and the storm that it makes. */
export interface GridRun {
  readonly load: number;
  readonly outageSeconds: number;
  readonly policy: PolicyName;
  readonly layers: number;
  readonly seed: number;
}

const base: PolicyOptions = { attemptsMax: 4, attemptTimeoutMs: 1000 };
const exponential = { kind: "exponential", baseMs: 200, capMs: 5000 } as const;

/** The policies, from the naive one to those with budgets. */
export const policies = {
  "no retries": { ...base, attemptsMax: 1 },
  "at once, without a budget": {
    ...base,
    backoff: { kind: "constant", delayMs: 1, jitter: "none" },
    budget: { kind: "none" },
  },
  "exponential, no jitter, no budget": {
    ...base,
    backoff: { ...exponential, jitter: "none" },
    budget: { kind: "none" },
  },
  "exponential, jitter, no budget": { ...base, backoff: { ...exponential, jitter: "equal" }, budget: { kind: "none" } },
  "exponential, jitter, budget": { ...base, backoff: { ...exponential, jitter: "equal" }, budget: { kind: "success" } },
} as const satisfies Record<string, PolicyOptions>;

export type PolicyName = keyof typeof policies;

/** The load as a share of the capacity, the outage, and how many services in a row try again. */
export const axes = {
  loads: [0.5, 0.7, 0.8, 0.9, 0.95],
  outages: [0, 1, 5, 10, 15],
  layers: [1, 2, 3, 4],
} as const;

/** How many seeds each cell has: with 500 cells, 10,000 runs. */
export const seedsPerCell = 20;

/** Requests a second that the services can serve. Small, so that 10,000 runs take minutes. */
const capacity = 20;
const [outageFromMs, durationMs] = [5000, 40_000];

export const gridRuns: readonly GridRun[] = axes.loads.flatMap((load) =>
  axes.outages.flatMap((outageSeconds) =>
    (Object.keys(policies) as PolicyName[]).flatMap((policy) =>
      axes.layers.flatMap((layers) =>
        Array.from({ length: seedsPerCell }, (_, at) => ({ load, outageSeconds, policy, layers, seed: at + 1 })),
      ),
    ),
  ),
);

/** The storm of one run. The outage is of the last service, which is where the work is. */
export function stormOf({ load, outageSeconds, policy, layers, seed }: GridRun): StormOptions {
  const service = { workers: 2, serviceMs: 2000 / capacity };
  const relay = { workers: 10_000, serviceMs: 1 };
  return {
    seed,
    durationMs,
    arrivals: { kind: "poisson", perSecond: load * capacity },
    policy: policies[policy],
    services: [...Array.from({ length: layers - 1 }, () => relay), service],
    outages:
      outageSeconds === 0 ? [] : [{ fromMs: outageFromMs, toMs: outageFromMs + 1000 * outageSeconds, kind: "refuse" }],
    stepMs: 1000,
  };
}
