import type { PolicySettings } from "./policy/policy-settings.ts";
import type { Arrivals, NetworkOptions, Outage, ServiceOptions } from "./storm-options.ts";

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
