import type { BrokenStore } from "./broken-store.ts";
import { brokenClaims } from "./claims.ts";
import { brokenNames, brokenResults } from "./names.ts";
import { brokenOwners } from "./owners.ts";
import { brokenViews } from "./operators.ts";
import { brokenRetentions, brokenTimes } from "./times.ts";

export { brokenTimes };

/** Stores that do all that a store does, but for one thing. */
export const brokenStores: readonly BrokenStore[] = [
  ...brokenClaims,
  ...brokenOwners,
  ...brokenResults,
  ...brokenNames,
  ...brokenViews,
  ...brokenTimes,
  ...brokenRetentions,
];
