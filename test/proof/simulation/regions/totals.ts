import { playRegions, policies, type Policy, type RegionsResult } from "./play.ts";

/** The results of many seeds under one policy. */
export interface RegionTotals extends RegionsResult {
  readonly policy: Policy;
}

/** Plays seeds 1, 2, 3 and so on under each policy. */
export async function regionTotals(
  seeds: number,
  onSeed: (policy: Policy, seed: number) => void = () => undefined,
): Promise<RegionTotals[]> {
  const totals: RegionTotals[] = [];
  for (const policy of policies) {
    const total = { policy, orders: 0, doubled: 0, forgotten: 0, answered: 0, inDoubt: 0 };
    for (let seed = 1; seed <= seeds; seed += 1) {
      onSeed(policy, seed);
      const result = await playRegions(seed, policy);
      for (const name of ["orders", "doubled", "forgotten", "answered", "inDoubt"] as const)
        total[name] += result[name];
    }
    totals.push(total);
  }
  return totals;
}

/**
 * Whether a policy broke its promise. With a home region that is waited for, or a copy that refuses what it may have
 * forgotten, nothing happens twice; a copy that runs unknown keys doubles only what was forgotten.
 */
export function breaksPromise({ policy, doubled, forgotten }: RegionTotals): boolean {
  switch (policy) {
    case "each region for itself":
      return false;
    case "home region, fail over":
      return doubled > forgotten;
    default:
      return doubled > 0;
  }
}
