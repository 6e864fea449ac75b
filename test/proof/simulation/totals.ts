import type { SeedResult } from "./run-seed.ts";
import { type ScenarioName, scenarios } from "./scenarios.ts";
import type { CriticalWindow } from "./windows.ts";

/** The result of many seeds. */
export interface Totals {
  seeds: number;
  portCalls: number;
  operations: number;
  effects: number;
  virtualMs: number;
  readonly modes: Record<string, number>;
  readonly windows: Record<string, number>;
  readonly faults: Record<string, number>;
  /** The seeds that broke an invariant. */
  readonly failures: Pick<SeedResult, "seed" | "mode" | "breaches">[];
}

export function noTotals(scenario: ScenarioName): Totals {
  const { windows, faults } = scenarios[scenario];
  const zeros = (names: readonly string[]): Record<string, number> =>
    Object.fromEntries(names.map((name) => [name, 0]));
  return {
    seeds: 0,
    portCalls: 0,
    operations: 0,
    effects: 0,
    virtualMs: 0,
    modes: {},
    windows: zeros(windows),
    faults: zeros(faults),
    failures: [],
  };
}

export function count(totals: Totals, result: SeedResult): void {
  const { seed, mode, breaches } = result;
  totals.seeds += 1;
  totals.portCalls += result.portCalls;
  totals.operations += result.operations;
  totals.effects += result.effects;
  totals.virtualMs += result.virtualMs;
  totals.modes[mode] = (totals.modes[mode] ?? 0) + 1;
  add(totals.windows, result.windows);
  add(totals.faults, result.faults);
  if (breaches.length > 0) totals.failures.push({ seed, mode, breaches });
}

/** Counts what is known to the totals. */
function add(totals: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const name of Object.keys(totals)) totals[name] = totals[name]! + (counts[name] ?? 0);
}

/** The windows that no fault has hit: then a run has proven too little. */
export function missedWindows({ windows }: Totals): CriticalWindow[] {
  return (Object.keys(windows) as CriticalWindow[]).filter((name) => windows[name] === 0);
}
