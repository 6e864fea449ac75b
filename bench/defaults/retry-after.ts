import { type PolicyOptions, type ServiceOptions, simulateStorm } from "../../packages/tools/src/simulator/index.ts";

/** The return of 10,000 callers that were turned away with a 503, all in one moment. */
export interface ReturnFigures {
  /** The most of them that come back within 100 ms, and within a second, where the service is well again at once. */
  readonly in100Ms: number;
  readonly inSecond: number;
  /** With a service that is away for a minute, and can then serve 1,000 requests per second: requests of each caller meanwhile. */
  readonly whileAway: number;
  /** The most requests in a second when it is back. */
  readonly peak: number;
  /** From its return to the last success, seconds. */
  readonly lastSeconds: number;
}

/** The figures of one `Retry-After`, with one kind of callers. */
export interface ReturnRow {
  readonly callers: string;
  readonly retryAfter: string;
  readonly figures: ReturnFigures;
}

const count = 10_000;
const stepMs = 100;
const awayMs = 60_000;

/** Callers who come back when they are asked to, and those of `retryingFetch`, who add a random part of their backoff. */
const callers: Readonly<Record<string, PolicyOptions>> = {
  "to the letter": { backoff: { kind: "constant", delayMs: 0, jitter: "none" } },
  retryingFetch: {},
};

const retryAfters: Readonly<Record<string, ServiceOptions>> = {
  "1 s": { retryAfterMs: 1000, retryAfter: "constant" },
  ours: { retryAfterMs: 1000, retryAfter: "spread" },
};

export function returnRows(seeds: number): ReturnRow[] {
  return Object.entries(callers).flatMap(([name, policy]) =>
    Object.entries(retryAfters).map(([retryAfter, says]) => ({
      callers: name,
      retryAfter,
      figures: meanOf(Array.from({ length: seeds }, (_, seed) => figuresOf(policy, says, seed + 1))),
    })),
  );
}

function figuresOf(policy: PolicyOptions, says: ServiceOptions, seed: number): ReturnFigures {
  const storm = {
    seed,
    stepMs,
    durationMs: 600_000,
    arrivals: { kind: "at-once", callers: count },
    policy: { attemptsMax: 1000, budget: { kind: "none" }, ...policy },
  } as const;
  const shedUntil = (toMs: number) => [{ fromMs: 0, toMs, kind: "shed" }] as const;
  const brief = simulateStorm({
    ...storm,
    services: [{ serviceMs: 0, ...says }],
    outages: shedUntil(500),
  });
  const long = simulateStorm({
    ...storm,
    services: [{ workers: 10, serviceMs: 10, queueMax: 500, ...says }],
    outages: shedUntil(awayMs),
  });
  const steps = ({ load }: typeof brief) => load.attemptsPerSecond.map((perSecond) => (perSecond * stepMs) / 1000);
  const back = steps(brief).slice(500 / stepMs);
  const [away, returned] = [steps(long).slice(0, awayMs / stepMs), steps(long).slice(awayMs / stepMs)];
  return {
    in100Ms: Math.max(...back),
    inSecond: most(back, 1000 / stepMs),
    whileAway: sum(away) / count,
    peak: most(returned, 1000 / stepMs),
    lastSeconds: (long.recovery.afterMs ?? Number.NaN) / 1000,
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The largest sum of so many values in a row. */
const most = (values: readonly number[], length: number): number =>
  Math.max(...values.map((_, at) => sum(values.slice(at, at + length))));

function meanOf(runs: readonly ReturnFigures[]): ReturnFigures {
  const mean = (name: keyof ReturnFigures): number => sum(runs.map((run) => run[name])) / runs.length;
  return {
    in100Ms: mean("in100Ms"),
    inSecond: mean("inSecond"),
    whileAway: mean("whileAway"),
    peak: mean("peak"),
    lastSeconds: mean("lastSeconds"),
  };
}
