import type { StormOptions } from "../../packages/tools/src/simulator/index.ts";

/** Callers, and an outage that they meet. */
export interface World {
  /**
   * `sparse` and `dense`: 50 or 10,000 callers make one call each, at some moment of the outage. `busy`: calls come
   * before, during and after it, at 83% of what the service can bear.
   */
  readonly callers: "sparse" | "dense" | "busy";
  readonly outage: "refuse" | "hold" | "shed";
  readonly outageMs: number;
  readonly storm: StormOptions;
  readonly capacityPerSecond: number;
}

const outages = (["refuse", "hold", "shed"] as const).flatMap((outage) =>
  [5000, 60_000].map((outageMs) => ({ outage, outageMs })),
);

/** The `Retry-After` of a service that sheds load: as once-again's own. */
const retryAfter = { retryAfterMs: 1000, retryAfter: "spread" } as const;
/** From the outage's start: calls that have not ended an hour later never will. */
const untilMs = 600_000;
/** Where a busy service's outage begins. */
const busyMs = 30_000;
/** In how many processes the callers live, each with a separate budget. */
const processes = 10;

/** Callers who each call once while the service is down. */
export const onceWorlds: readonly World[] = outages.flatMap(({ outage, outageMs }) =>
  (["sparse", "dense"] as const).map((callers) => ({
    callers,
    outage,
    outageMs,
    capacityPerSecond: 1000,
    storm: {
      durationMs: untilMs,
      stepMs: 100,
      processes,
      arrivals: { kind: "at-once", callers: callers === "sparse" ? 50 : 10_000, withinMs: outageMs },
      // The queue takes what is served in half a second.
      services: [{ workers: 10, serviceMs: 10, queueMax: 500, ...(outage === "shed" && retryAfter) }],
      outages: [{ fromMs: 0, toMs: outageMs, kind: outage }],
    },
  })),
);

/** A busy service, which may not come back. */
export const busyWorlds: readonly World[] = outages.map(({ outage, outageMs }) => ({
  callers: "busy",
  outage,
  outageMs,
  capacityPerSecond: 300,
  storm: {
    durationMs: busyMs + outageMs + untilMs,
    stepMs: 1000,
    processes,
    arrivals: { kind: "poisson", perSecond: 250 },
    services: [{ workers: 3, serviceMs: 10, ...(outage === "shed" && retryAfter) }],
    outages: [{ fromMs: busyMs, toMs: busyMs + outageMs, kind: outage }],
  },
}));

/** A thousand calls that each fail once, when nothing else is wrong. */
export const oneFailure: StormOptions = {
  durationMs: 60_000,
  arrivals: { kind: "at-once", callers: 1000 },
  network: { delayMs: 5, spreadMs: 0 },
  services: [{ serviceMs: 0 }],
  outages: [{ fromMs: 0, toMs: 6 }],
};
