import { hasMethod } from "../core/duck-typing.ts";
import type { Listener } from "../core/events.ts";
import { checkNames, type OptionNames } from "../core/option-names.ts";
import { checkFunction, invalidOptionError } from "../core/options.ts";
import type { Inbox } from "../messaging/inbox/index.ts";
import type { OutboxStore, Publish, RelayEvent } from "../messaging/outbox/index.ts";
import type { Attributes, ObservingMeter } from "./api.ts";
import type { MessageNaming } from "./message-attributes.ts";
import type { MessageTracing } from "./message-context.ts";
import { observeBacklog } from "./observe-backlog.ts";
import { relayMetrics } from "./relay-metrics.ts";
import { inboxTracer } from "./trace-inbox.ts";
import { traceOutbox } from "./trace-outbox.ts";
import { publishTracer } from "./trace-publish.ts";

/** What the telemetry of messages is made with. */
export interface MessageTelemetryOptions extends MessageTracing, MessageNaming {
  readonly meter: ObservingMeter;
}

/** Spans and metrics of outbox, relay and inbox, and one trace through them. */
export interface MessageTelemetry {
  /**
   * Your outbox, of which each `add` is a span (producer) below the active one. Its context goes with the message, in
   * its headers, as the propagator writes it: `traceparent` by default. A message that has one already keeps it.
   */
  traceOutbox<Outbox extends OutboxStore<never>>(outbox: Outbox): Outbox;
  /** Your publisher, of which each call is a span (client) that is linked to, and below, that of `add`. */
  tracePublish(publish: Publish): Publish;
  /** For `onEvent` of a relay. */
  readonly onRelayEvent: Listener<RelayEvent>;
  /**
   * Your inbox, which has a span (consumer) for each delivery, linked to that of `add`, and below it unless another span is
   * active. It is active while the work runs, and ends with the verdict.
   */
  traceInbox<Transaction>(inbox: Inbox<Transaction>): Inbox<Transaction>;
  /**
   * Gauges of what waits in an outbox, which is asked whenever metrics are collected. Call it in one process, such as a
   * relay's; `attributes` tell several outboxes apart. What it returns ends it.
   */
  observeBacklog(outbox: Pick<OutboxStore<never>, "backlog">, attributes?: Attributes): () => void;
}

/**
 * Telemetry of messages, by the semantic conventions for messaging. The trace of whoever adds a message goes with it
 * through relay and broker to the work of its consumers.
 *
 * Metrics of the conventions: `messaging.client.sent.messages`, `messaging.client.operation.duration`,
 * `messaging.client.consumed.messages` and `messaging.process.duration`. Our own: `once_again.outbox.messages`, `.parked`,
 * `.oldest` and `.lag`, `once_again.relay.events`, `once_again.inbox.messages`, `.redeliveries` and `.retries`. Bodies and
 * headers are not told.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 * @example
 * ```ts
 * import { context, metrics, propagation, trace } from "@opentelemetry/api";
 *
 * const telemetry = messageTelemetry({
 *   tracer: trace.getTracer("shop"),
 *   meter: metrics.getMeter("shop"),
 *   trace,
 *   context,
 *   propagation,
 *   system: "rabbitmq",
 * });
 * const outbox = telemetry.traceOutbox(postgresOutbox(pool));
 * const publish = telemetry.tracePublish(publishToRabbitmq(connection, { exchange: "shop" }));
 * const relay = openRelay({ outbox, publish, onEvent: telemetry.onRelayEvent });
 * const inbox = telemetry.traceInbox(openInbox({ mode: "transactional", store, consumer: "shipping" }));
 * ```
 */
export function messageTelemetry(options: MessageTelemetryOptions): MessageTelemetry {
  checkOptions(options);
  const { meter } = options;
  const traceInbox = inboxTracer(options, options, meter);
  const tracePublish = publishTracer(options, options, meter);
  return {
    traceOutbox(outbox) {
      checkHas("outbox", "an outbox, such as postgresOutbox(pool)", outbox, "add");
      return traceOutbox(options, options, outbox);
    },
    tracePublish(publish) {
      if (typeof publish !== "function") throw invalidOptionError("publish", "a function", publish);
      return tracePublish(publish);
    },
    onRelayEvent: relayMetrics(options, meter),
    traceInbox(inbox) {
      checkHas("inbox", "what openInbox() gives", inbox, "handle");
      return traceInbox(inbox);
    },
    observeBacklog(outbox, attributes = {}) {
      checkHas("outbox", "an outbox, such as postgresOutbox(pool)", outbox, "backlog");
      return observeBacklog(meter, outbox, attributes);
    },
  };
}

const names: OptionNames<MessageTelemetryOptions> = {
  tracer: true,
  meter: true,
  trace: true,
  context: true,
  propagation: true,
  system: true,
  destination: true,
};

function checkOptions(options: MessageTelemetryOptions): void {
  checkNames("messageTelemetry", options, names);
  const { tracer, meter, trace, context, propagation, system, destination } = options;
  checkHas("tracer", "trace.getTracer(name)", tracer, "startSpan");
  checkHas("meter", "metrics.getMeter(name)", meter, "addBatchObservableCallback");
  checkHas("trace", "the trace of @opentelemetry/api", trace, "getSpanContext");
  checkHas("context", "the context of @opentelemetry/api", context, "with");
  checkHas("propagation", "the propagation of @opentelemetry/api", propagation, "inject");
  if (typeof system !== "string" || system === "") {
    throw invalidOptionError("system", 'the broker, such as "rabbitmq"', system);
  }
  checkFunction("destination", destination);
}

function checkHas(name: string, wanted: string, value: unknown, method: string): void {
  if (!hasMethod(value, method)) throw invalidOptionError(name, wanted, typeof value);
}
