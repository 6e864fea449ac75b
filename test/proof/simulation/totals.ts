import type { SeedResult } from "./run-seed.ts";
import { type CriticalWindow, type FaultKind, faults, windows } from "./windows.ts";

/** What many seeds came to. */
export interface Totals {
  seeds: number;
  portCalls: number;
  effects: number;
  virtualMs: number;
  readonly modes: Record<string, number>;
  readonly windows: Record<CriticalWindow, number>;
  readonly faults: Record<FaultKind, number>;
  /** The seeds that broke an invariant. */
  readonly failures: Pick<SeedResult, "seed" | "mode" | "breaches">[];
}

export function noTotals(): Totals {
  const zeros = <Name extends string>(names: readonly Name[]): Record<Name, number> =>
    Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
  return {
    seeds: 0,
    portCalls: 0,
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
  totals.effects += result.effects;
  totals.virtualMs += result.virtualMs;
  totals.modes[mode] = (totals.modes[mode] ?? 0) + 1;
  for (const name of windows) totals.windows[name] += result.windows[name] ?? 0;
  for (const name of faults) totals.faults[name] += result.faults[name] ?? 0;
  if (breaches.length > 0) totals.failures.push({ seed, mode, breaches });
}

/** The windows that no fault has hit: then a run has proven too little. */
export function missedWindows(totals: Totals): CriticalWindow[] {
  return windows.filter((name) => totals.windows[name] === 0);
}
