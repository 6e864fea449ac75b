import process from "node:process";
import { setTimeout } from "node:timers/promises";
import type { ServerEvent } from "once-again/engine";
import type { Store } from "once-again/stores";
import type { HeldCount } from "once-again/internal";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { RequestRecord } from "./request-record.ts";

/** The metrics of a gateway, for Prometheus. */
export interface GatewayMetrics {
  readonly registry: Registry;
  onRequest(record: RequestRecord): void;
  onEvent(event: ServerEvent, route: string): void;
  onUnaskedBytes(): void;
}

/** How long the store may take to count held keys, milliseconds. Then there is a gap. */
const heldMsMax = 2000;

/** Gauges of held keys. The store is asked whenever metrics are collected; without an answer they say nothing. */
function observeHeld(registry: Registry, store: Pick<Store, "countHeld">): void {
  let counting: Promise<HeldCount | undefined> | undefined;
  const ask = async (): Promise<HeldCount | undefined> => store.countHeld?.();
  // However many gauges and scrapers ask at a time, the store is asked once.
  const count = (): Promise<HeldCount | undefined> =>
    (counting ??= Promise.race([ask(), setTimeout(heldMsMax, undefined, { ref: false })])
      .catch(() => undefined)
      .finally(() => (counting = undefined)));
  const gauge = (name: string, help: string, read: (held: HeldCount) => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [registry],
      // Every worker counts the keys of the same store.
      aggregator: "max",
      async collect() {
        const held = await count();
        if (held === undefined) this.remove();
        else this.set(read(held));
      },
    });
  gauge(
    "once_again_gateway_held_keys",
    "Keys that are held until a person settles them, up to 10,000.",
    (held) => held.keys,
  );
  gauge(
    "once_again_gateway_held_oldest_seconds",
    "For how long the oldest held key has been held; 0 where none is.",
    ({ oldestMs = 0 }) => oldestMs / 1000,
  );
  gauge(
    "once_again_gateway_ahead_keys",
    "Keys that run, and were claimed while the store's clock was ahead; up to 10,000.",
    ({ ahead = 0 }) => ahead,
  );
}

/** Seconds. */
const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const storeBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/**
 * Metrics of a gateway: requests by route and status, how long they take, what became of operations, and how long the
 * store takes. `route` is the path of the route or of the gateway's own, or "pass-through": paths, scopes and keys are not shown.
 *
 * @param store the store of keys: where it can count them, its gauges are about held keys.
 */
export function gatewayMetrics(store?: Pick<Store, "countHeld">): GatewayMetrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: "once_again_gateway_requests_total",
    help: "Requests that were answered, by route and status.",
    labelNames: ["route", "status"],
    registers,
  });
  const durations = new Histogram({
    name: "once_again_gateway_request_duration_seconds",
    help: "How long requests took, from their head to the last byte of their answer.",
    labelNames: ["route"],
    buckets: requestBuckets,
    registers,
  });
  const failures = new Counter({
    name: "once_again_gateway_upstream_failures_total",
    help: "Requests that the upstream did not answer whole.",
    labelNames: ["route"],
    registers,
  });
  const unaskedBytes = new Counter({
    name: "once_again_gateway_unasked_bytes_total",
    help: "How often a service sent more than it was asked for, and got connections that callers do not share. The log names it.",
    registers,
  });
  const operations = new Counter({
    name: "once_again_gateway_operations_total",
    help: "How operations ended: executed, replayed, in-progress, outcome-unknown, store-failed, …",
    labelNames: ["route", "event"],
    registers,
  });
  const storeDurations = new Histogram({
    name: "once_again_gateway_store_duration_seconds",
    help: "How long the store of keys took for one operation, a second try included.",
    labelNames: ["operation"],
    buckets: storeBuckets,
    registers,
  });
  const memory = new Gauge({
    name: "once_again_gateway_resident_memory_bytes",
    help: "Memory of the gateway's processes.",
    registers: [],
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  registry.registerMetric(memory);
  if (store?.countHeld !== undefined) observeHeld(registry, store);
  return {
    registry,
    onRequest({ route = "pass-through", status, failure, elapsedMs }) {
      requests.inc({ route, status });
      durations.observe({ route }, elapsedMs / 1000);
      if (failure !== undefined) failures.inc({ route });
    },
    onEvent(event, route) {
      if (event.type === "received") return;
      if (event.type === "store-answered") {
        storeDurations.observe({ operation: event.operation }, event.elapsedMs / 1000);
      } else operations.inc({ route, event: event.type });
    },
    onUnaskedBytes: () => unaskedBytes.inc(),
  };
}
