export { budgetSteps } from "./budget-table.ts";
export { simulateContention, type ContentionOptions, type ContentionResult } from "./contention.ts";
export { contentionSteps } from "./contention-table.ts";
export type { BackoffSettings, BudgetSettings, JitterName, PolicyOptions } from "./policy-options.ts";
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
} from "./storm-result.ts";
export type { PolicySettings, ServiceSettings, StormSettings } from "./storm-settings.ts";
export { simulateStorm, type StormProgress, stormSteps } from "./storm.ts";
export type { TableCell, TableCheck, TableOptions } from "./table-check.ts";
export { variationNames, varyPolicy } from "./variations.ts";
