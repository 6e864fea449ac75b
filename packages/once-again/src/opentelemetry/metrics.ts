import type { Counter, Histogram, Meter, ObservingMeter } from "./api.ts";

/** One metric: its name and unit as OpenTelemetry has them, and the attributes that its points may have. */
export interface MetricDefinition {
  readonly name: string;
  readonly kind: "counter" | "histogram" | "gauge";
  readonly unit: string;
  readonly description: string;
  readonly attributes: readonly string[];
  /** Of a histogram, in its unit. */
  readonly buckets?: readonly number[];
}

const target = ["http.request.method", "server.address", "server.port"];
const operation = [
  "messaging.system",
  "messaging.operation.name",
  "messaging.operation.type",
  "messaging.destination.name",
];
const published = ["messaging.system", "messaging.destination.name"];
const consumer = [...operation, "messaging.consumer.group.name"];

/** The buckets that the conventions advise for HTTP and for messaging. */
const advisedBuckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * Every metric that this library emits. The table of docs/guides/observing.md, the dashboard and the alert rules of
 * `@once-again/tools` are checked against it.
 */
export const metricDefinitions = {
  serverEvents: {
    name: "once_again.server.events",
    kind: "counter",
    unit: "{event}",
    description: "How requests with a key ended, and leases that were lost.",
    attributes: ["once_again.event", "once_again.store.operation"],
  },
  storeDuration: {
    name: "once_again.server.store.duration",
    kind: "histogram",
    unit: "s",
    description: "How long the store of keys takes for one operation, a second try included.",
    attributes: ["once_again.store.operation"],
    // A store on the same machine answers in tenths of a millisecond.
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  },
  heldKeys: {
    name: "once_again.server.held.keys",
    kind: "gauge",
    unit: "{key}",
    description: "Keys that are held until a person settles them, up to 10,000.",
    attributes: [],
  },
  aheadKeys: {
    name: "once_again.server.ahead.keys",
    kind: "gauge",
    unit: "{key}",
    description: "Keys that run, and were claimed while the store's clock was ahead; up to 10,000.",
    attributes: [],
  },
  heldOldest: {
    name: "once_again.server.held.oldest",
    kind: "gauge",
    unit: "s",
    description: "For how long the oldest held key has been held; 0 where none is.",
    attributes: [],
  },
  clientAttempts: {
    name: "once_again.client.attempts",
    kind: "counter",
    unit: "{attempt}",
    description: "Attempts begun.",
    attributes: target,
  },
  clientRetries: {
    name: "once_again.client.retries",
    kind: "counter",
    unit: "{retry}",
    description: "Retries scheduled.",
    attributes: [...target, "once_again.retry.reason"],
  },
  clientDenied: {
    name: "once_again.client.retries_denied",
    kind: "counter",
    unit: "{retry}",
    description: "Failed attempts that were not followed by another.",
    attributes: [...target, "once_again.denied.reason"],
  },
  callDuration: {
    name: "once_again.client.call.duration",
    kind: "histogram",
    unit: "s",
    description: "How long calls take until their response begins, waits included.",
    attributes: [...target, "http.response.status_code", "error.type"],
    // On to five minutes, since calls wait between attempts.
    buckets: [...advisedBuckets, 30, 60, 120, 300],
  },
  outboxMessages: {
    name: "once_again.outbox.messages",
    kind: "gauge",
    unit: "{message}",
    description: "Messages that wait to be published, parked ones among them; up to 10,000.",
    attributes: [],
  },
  outboxParked: {
    name: "once_again.outbox.parked",
    kind: "gauge",
    unit: "{message}",
    description: "Messages that wait for a person.",
    attributes: [],
  },
  outboxUnconfirmed: {
    name: "once_again.outbox.unconfirmed",
    kind: "gauge",
    unit: "{message}",
    description: "Messages that were tried and not confirmed, and are tried again; up to 10,000.",
    attributes: [],
  },
  outboxPlaces: {
    name: "once_again.outbox.places",
    kind: "gauge",
    unit: "{place}",
    description: "Places that have not confirmed messages which wait for them.",
    attributes: [],
  },
  outboxOldest: {
    name: "once_again.outbox.oldest",
    kind: "gauge",
    unit: "s",
    description: "For how long the oldest message waits that is not parked; 0 where none does.",
    attributes: [],
  },
  outboxLag: {
    name: "once_again.outbox.lag",
    kind: "histogram",
    unit: "s",
    description: "From when a message was added to when the broker has confirmed it, by the relay's clock.",
    attributes: published,
    // A relay that is woken takes milliseconds; after an outage of the broker, hours.
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200],
  },
  relayEvents: {
    name: "once_again.relay.events",
    kind: "counter",
    unit: "{event}",
    description: "The events of relays: published, refused, parked, place-unavailable, fault.",
    attributes: [...published, "once_again.event"],
  },
  sentMessages: {
    name: "messaging.client.sent.messages",
    kind: "counter",
    unit: "{message}",
    description: "Messages handed to the broker, those included that it refused.",
    attributes: [...operation, "error.type"],
  },
  publishDuration: {
    name: "messaging.client.operation.duration",
    kind: "histogram",
    unit: "s",
    description: "How long the broker takes to confirm a message.",
    attributes: [...operation, "error.type"],
    buckets: advisedBuckets,
  },
  consumedMessages: {
    name: "messaging.client.consumed.messages",
    kind: "counter",
    unit: "{message}",
    description: "Messages that were delivered to an inbox.",
    attributes: [...consumer, "error.type"],
  },
  processDuration: {
    name: "messaging.process.duration",
    kind: "histogram",
    unit: "s",
    description: "How long an inbox has a message, waits and repeats of its work included.",
    attributes: [...consumer, "error.type"],
    buckets: advisedBuckets,
  },
  inboxMessages: {
    name: "once_again.inbox.messages",
    kind: "counter",
    unit: "{message}",
    description: "How messages of an inbox ended.",
    attributes: [...consumer, "once_again.outcome", "once_again.dead_letter.reason"],
  },
  inboxRedeliveries: {
    name: "once_again.inbox.redeliveries",
    kind: "counter",
    unit: "{message}",
    description: "Messages that the broker had delivered before.",
    attributes: consumer,
  },
  inboxRetries: {
    name: "once_again.inbox.retries",
    kind: "counter",
    unit: "{message}",
    description: "Work that an inbox ran again, since it had failed.",
    attributes: consumer,
  },
} as const satisfies Record<string, MetricDefinition>;

/** The instrument of a metric that counts. */
export function counter(meter: Meter, { name, unit, description }: MetricDefinition & { kind: "counter" }): Counter {
  return meter.createCounter(name, { unit, description });
}

/** The instrument of a metric that is a distribution. */
export function histogram(
  meter: Meter,
  { name, unit, description, buckets = [] }: MetricDefinition & { kind: "histogram" },
): Histogram {
  return meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: [...buckets] } });
}

/** The instrument of a metric that is asked when metrics are collected. */
export function gauge(meter: ObservingMeter, { name, unit, description }: MetricDefinition & { kind: "gauge" }): never {
  return meter.createObservableGauge(name, { unit, description }) as never;
}
