import type { BackoffSettings, BudgetSettings, JitterName, PolicyOptions } from "./policy-options.ts";
import type { Arrivals, NetworkOptions, Outage, ServiceOptions } from "./storm-options.ts";

/** A backoff whose jitter is said, unless it has its own. */
export type JitteredBackoff =
  | (Exclude<BackoffSettings, { kind: "decorrelated" }> & { readonly jitter: JitterName })
  | Extract<BackoffSettings, { kind: "decorrelated" }>;

/** A policy with its defaults filled in; what is off is missing. */
export type PolicySettings = PolicyOptions & {
  readonly name: string;
  readonly attemptsMax: number;
  readonly attemptTimeoutMs: number;
  readonly backoff: JitteredBackoff;
  readonly budget: BudgetSettings;
};

/** A service with its defaults filled in; what is off is missing. */
export type ServiceSettings = ServiceOptions &
  Required<Pick<ServiceOptions, "workers" | "serviceMs" | "serviceTime" | "queueMax" | "errorRatio">> & {
    readonly policy?: PolicySettings;
  };

/** The options of a storm, checked, with every default filled in. */
export interface StormSettings {
  readonly seed: number;
  readonly durationMs: number;
  readonly arrivals: Arrivals;
  readonly policy: PolicySettings;
  readonly processes: number;
  readonly network: Required<NetworkOptions>;
  readonly services: readonly ServiceSettings[];
  readonly outages: readonly Required<Outage>[];
  readonly stepMs: number;
}
