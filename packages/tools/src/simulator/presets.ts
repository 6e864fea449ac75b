import type { PolicyOptions } from "./policy/policy-options.ts";
import type { ServiceOptions, StormOptions } from "./storm-options.ts";

/** Storms that are worth looking at side by side. */
export interface Preset {
  /** A summary of the storms, in a sentence. */
  readonly about: string;
  /** The lesson of the storms. */
  readonly lesson: string;
  /** The name of the policy to take, which has the defaults of `once-again` as far as the storm lets it. */
  readonly recommended: string;
  /** They differ in their policies, each of which has a name. */
  readonly storms: readonly (StormOptions & { readonly policy: PolicyOptions & { readonly name: string } })[];
}

/** The name of a preset. */
export type PresetName = "thundering-herd" | "retry-storm" | "layered-retries";

const herdStorm: StormOptions = {
  durationMs: 300_000,
  arrivals: { kind: "at-once", callers: 10_000, withinMs: 1000 },
  services: [{ workers: 10, serviceMs: 10, queueMax: 500 }],
  outages: [{ fromMs: 0, toMs: 10_000 }],
  stepMs: 250,
  // A separate program each, so that each has its own budget.
  processes: 10_000,
};
// Five attempts, the default, wait for 11 s on average: half of the callers would not live through the outage.
const herdPolicy = { attemptsMax: 8, attemptTimeoutMs: 5000 } as const;

const retryStorm: StormOptions = {
  durationMs: 240_000,
  arrivals: { kind: "poisson", perSecond: 250 },
  services: [{ workers: 3, serviceMs: 10 }],
  outages: [{ fromMs: 30_000, toMs: 40_000, kind: "hold" }],
};
const stormPolicy = { attemptsMax: 4, attemptTimeoutMs: 1000 } as const;

const layered: StormOptions = {
  durationMs: 60_000,
  arrivals: { kind: "at-once", callers: 100, withinMs: 10_000 },
  outages: [{ fromMs: 0, toMs: 60_000 }],
};
const layerPolicy = {
  attemptTimeoutMs: 30_000,
  backoff: { kind: "constant", delayMs: 100 },
  budget: { kind: "none" },
} as const;

const floors = (count: number, policy?: PolicyOptions): ServiceOptions[] =>
  Array.from({ length: count }, () => ({ workers: 1000, serviceMs: 1, ...(policy !== undefined && { policy }) }));

/** The preset storms. */
export const presets: Readonly<Record<PresetName, Preset>> = {
  "thundering-herd": {
    about: "10,000 programs lose their service for 10 s, all within a second. Each makes up to 8 attempts.",
    lesson:
      "Without jitter they come back together, ten times what the service bears, and most are turned away each time. " +
      "Full jitter spreads them the widest, but some of its waits are next to nothing: those attempts are spent while the " +
      "service is down. Equal jitter, the default, waits at least half each time. So it has a higher peak on return than " +
      "full jitter, and yet fewer requests in all, and everybody is served 12 s sooner.",
    recommended: "equal jitter (default)",
    storms: [
      { ...herdStorm, policy: { name: "no jitter", ...herdPolicy, backoff: { kind: "exponential", jitter: "none" } } },
      {
        ...herdStorm,
        policy: { name: "full jitter", ...herdPolicy, backoff: { kind: "exponential", jitter: "full" } },
      },
      { ...herdStorm, policy: { name: "equal jitter (default)", ...herdPolicy, backoff: { kind: "exponential" } } },
    ],
  },
  "retry-storm": {
    about: "A service with 83% of the load that it can bear stands still for 10 s, and its callers try again.",
    lesson:
      "When it is back it answers calls that their callers have given up and sent again. With retries that are free, or " +
      "that requests pay for, that never ends. A budget that successes fund, the default, runs dry in the outage: the " +
      "service comes back about as soon as without any retries.",
    recommended: "funded by successes (default)",
    storms: [
      { ...retryStorm, policy: { name: "no budget", ...stormPolicy, budget: { kind: "none" } } },
      { ...retryStorm, policy: { name: "funded by requests", ...stormPolicy, budget: { kind: "finagle" } } },
      { ...retryStorm, policy: { name: "funded by successes (default)", ...stormPolicy, budget: { kind: "success" } } },
      { ...retryStorm, policy: { name: "no retries", ...stormPolicy, attemptsMax: 1 } },
    ],
  },
  "layered-retries": {
    about: "Services call each other and each tries again, while the last one refuses everything.",
    lesson:
      "Attempts multiply from layer to layer: 3 on each of 5 layers are 243 requests for one call. Let only the callers " +
      "retry, and give them a budget: after 100 retries without a success there are none.",
    recommended: "callers only, with a budget",
    storms: [
      {
        ...layered,
        services: floors(5),
        policy: { name: "3 attempts on each of 5 layers", ...layerPolicy, attemptsMax: 3 },
      },
      {
        ...layered,
        services: floors(3),
        policy: { name: "4 attempts on each of 3 layers", ...layerPolicy, attemptsMax: 4 },
      },
      {
        ...layered,
        services: floors(5, { ...layerPolicy, attemptsMax: 1 }),
        policy: { name: "3 attempts by the callers only", ...layerPolicy, attemptsMax: 3 },
      },
      {
        ...layered,
        services: floors(5, { ...layerPolicy, attemptsMax: 1 }),
        policy: {
          name: "callers only, with a budget",
          ...layerPolicy,
          attemptsMax: 3,
          budget: { kind: "success" },
        },
      },
    ],
  },
};
