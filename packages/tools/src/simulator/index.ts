/**
 * Retry storms, simulated: load, amplification, time to recover.
 *
 * @module
 */
export { budgetSteps } from "./tables/budget-table.ts";
export { simulateContention, type ContentionOptions, type ContentionResult } from "./tables/contention.ts";
export { contentionSteps } from "./tables/contention-table.ts";
export type { BackoffSettings, BudgetSettings, JitterName, PolicyOptions } from "./policy/policy-options.ts";
export { type Preset, type PresetName, presets } from "./presets.ts";
export type { Arrivals, NetworkOptions, Outage, ServiceOptions, StormOptions } from "./storm-options.ts";
export type {
  AttemptCounts,
  CallCounts,
  Herd,
  Latency,
  Load,
  Recovery,
  ServiceCounts,
  StormResult,
} from "./records/storm-result.ts";
export type { PolicySettings } from "./policy/policy-settings.ts";
export type { ServiceSettings, StormSettings } from "./storm-settings.ts";
export { simulateStorm, type StormProgress, stormSteps } from "./storm.ts";
export { type StormTrials, trialSteps } from "./trials.ts";
export type { TableCell, TableCheck, TableOptions } from "./tables/table-check.ts";
export { variationNames, varyPolicy } from "./policy/variations.ts";
