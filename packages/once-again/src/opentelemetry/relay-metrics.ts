import type { Listener } from "../core/events.ts";
import type { RelayEvent } from "../messaging/outbox/index.ts";
import type { Meter } from "./api.ts";
import { type MessageNaming, operationNames } from "./message-attributes.ts";

/** Seconds. A relay that is woken takes milliseconds; one whose broker was away, hours. */
const lagBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200];

/** Counts what happens in relays, and keeps how long messages wait for their publication. */
export function relayMetrics(naming: MessageNaming, meter: Meter): Listener<RelayEvent> {
  const events = meter.createCounter("once_again.relay.events", {
    description: "What happened in a relay.",
    unit: "{event}",
  });
  const lag = meter.createHistogram("once_again.outbox.lag", {
    description: "From when a message was added to when the broker has confirmed it, by the relay's clock.",
    unit: "s",
    advice: { explicitBucketBoundaries: lagBuckets },
  });

  return (event) => {
    const attributes = "topic" in event ? destinationOf(naming, event.topic) : undefined;
    events.add(1, { "once_again.event": event.type, ...attributes });
    if (event.type === "published") lag.record(Math.max(0, event.lagMs) / 1000, attributes);
  };
}

function destinationOf(naming: MessageNaming, topic: string) {
  const { "messaging.system": system, "messaging.destination.name": name } = operationNames(
    naming,
    "publish",
    topic,
  ).attributes;
  return { "messaging.system": system!, "messaging.destination.name": name! };
}
