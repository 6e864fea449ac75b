import type { Rule } from "./plan.ts";
import { runSeed, type SeedResult } from "./run-seed.ts";

/** The results of many seeds of one rule. */
export interface Totals {
  readonly rule: Rule;
  seeds: number;
  lives: number;
  calls: number;
  effects: number;
  lost: number;
  asked: number;
  failed: number;
  repeated: number;
  /** Seeds of which something broke. */
  broken: number;
  /** The first of them. */
  first: SeedResult | undefined;
}

/** Plays seeds 1 to `seeds` of each rule. */
export async function totalsOf(
  rules: readonly Rule[],
  seeds: number,
  onProgress: (rule: Rule, seed: number) => void = () => undefined,
): Promise<readonly Totals[]> {
  const all: Totals[] = [];
  for (const rule of rules) {
    const counts = { seeds: 0, lives: 0, calls: 0, effects: 0, lost: 0, asked: 0, failed: 0, repeated: 0, broken: 0 };
    const totals: Totals = { rule, ...counts, first: undefined };
    for (let seed = 1; seed <= seeds; seed += 1) {
      const result = await runSeed(seed, rule);
      totals.seeds += 1;
      for (const name of ["lives", "calls", "effects", "lost", "asked", "failed", "repeated"] as const) {
        totals[name] += result[name];
      }
      if (result.breaches.length > 0) {
        totals.broken += 1;
        totals.first ??= result;
      }
      onProgress(rule, seed);
    }
    all.push(totals);
  }
  return all;
}
