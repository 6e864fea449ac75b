import type { Listener } from "../core/events.ts";
import type { ServerEvent } from "../engine/index.ts";
import type { Meter } from "./api.ts";

/** Seconds. A store on the same machine answers in tenths of a millisecond. */
const storeBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/**
 * A listener for `onEvent` of a server. Metrics: `once_again.server.events`, a counter by `once_again.event` (`executed`,
 * `replayed`, `in-progress`, `mismatch`, `outcome-unknown`, `lease-lost`, `store-failed`, …), and
 * `once_again.server.store.duration`, how long the store takes for each operation. Neither scopes nor keys are told.
 */
export function serverTelemetry({ meter }: { readonly meter: Meter }): Listener<ServerEvent> {
  const events = meter.createCounter("once_again.server.events", {
    description: "What happened to operations.",
    unit: "{event}",
  });
  const duration = meter.createHistogram("once_again.server.store.duration", {
    description: "How long the store of keys takes for one operation, a second try included.",
    unit: "s",
    advice: { explicitBucketBoundaries: storeBuckets },
  });
  return (event) => {
    if (event.type === "store-answered") {
      duration.record(event.elapsedMs / 1000, { "once_again.store.operation": event.operation });
      return;
    }
    const operation = event.type === "store-failed" ? { "once_again.store.operation": event.operation } : undefined;
    events.add(1, { "once_again.event": event.type, ...operation });
  };
}
