import type { Listener } from "../core/events.ts";
import type { ServerEvent } from "../engine/index.ts";
import type { HeldCount, Store } from "../stores/store.ts";
import type { Awaitable } from "../core/awaitable.ts";
import type { Meter, ObservableResult, ObservingMeter } from "./api.ts";

/** Seconds. A store on the same machine answers in tenths of a millisecond. */
const storeBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/**
 * A listener for `onEvent` of a server. Metrics: `once_again.server.events`, a counter by `once_again.event` (`executed`,
 * `replayed`, `in-progress`, `mismatch`, `outcome-unknown`, `lease-lost`, `store-failed`, …), and
 * `once_again.server.store.duration`, how long the store takes for each operation. Neither scopes nor keys are reported.
 *
 * With a store that can count them, two gauges say how many keys are held until a person settles them: `once_again.server.held.keys`,
 * up to 10,000, and `once_again.server.held.oldest`, for how many seconds the oldest has been held (0: none is). The store is asked
 * whenever metrics are collected, so give it in one process. Redis and NATS can't count them: their gauges say nothing.
 * Without a store there are no gauges.
 *
 * @example
 * ```ts
 * const store = postgresStore(pool);
 * const onEvent = serverTelemetry({ meter: metrics.getMeter("shop"), store });
 * ```
 */
export function serverTelemetry(options: { readonly meter: Meter }): Listener<ServerEvent>;
export function serverTelemetry(options: {
  readonly meter: ObservingMeter;
  readonly store: Pick<Store, "countHeld">;
}): Listener<ServerEvent>;
export function serverTelemetry({
  meter,
  store,
}: {
  readonly meter: Meter;
  readonly store?: Pick<Store, "countHeld">;
}): Listener<ServerEvent> {
  if (store?.countHeld !== undefined) observeHeld(meter as ObservingMeter, () => store.countHeld!());
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

/** Asks for the held keys whenever metrics are collected. A store that does not answer then leaves a gap. */
function observeHeld(meter: ObservingMeter, countHeld: () => Awaitable<HeldCount>): void {
  const gauge = (name: string, unit: string, description: string): never =>
    meter.createObservableGauge(name, { unit, description }) as never;
  const keys = gauge("once_again.server.held.keys", "{key}", "Keys that are held until a person settles them.");
  const oldest = gauge("once_again.server.held.oldest", "s", "For how long the oldest held key has been held.");
  const observe = async (result: ObservableResult): Promise<void> => {
    const held = await countHeld();
    result.observe(keys, held.keys);
    result.observe(oldest, (held.oldestMs ?? 0) / 1000);
  };
  meter.addBatchObservableCallback(observe, [keys, oldest]);
}
