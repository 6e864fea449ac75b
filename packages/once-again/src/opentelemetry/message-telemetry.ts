import type { Listener } from "../core/listener.ts";
import { checkNames, type OptionNames } from "../core/option-names.ts";
import { checkFunction, invalidOptionError, requireFunction, requireMethod } from "../core/options.ts";
import { systemClock } from "../core/system-clock.ts";
import type { Inbox } from "../messaging/inbox/index.ts";
import type { OutboxStore, Publish, RelayEvent } from "../messaging/outbox/index.ts";
import { type Attributes, type Meter, type ObservableResult, type ObservingMeter, spanKind } from "./api.ts";
import { errorType } from "./http-attributes.ts";
import { type MessageNaming, operationNames } from "./message-attributes.ts";
import { creationLinks, headersWithTrace, messageOrigin, type MessageTracing } from "./message-context.ts";
import { counter, gauge, histogram, metricDefinitions } from "./metrics.ts";
import { runInSpan } from "./run-in-span.ts";
import { inboxTracer } from "./trace-inbox.ts";

/** The options of the telemetry of messages. */
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
 * Telemetry of messages, by the semantic conventions for messaging. The trace in which a message is added goes with it
 * through relay and broker to the work of its consumers.
 *
 * Metrics of the conventions: `messaging.client.sent.messages`, `messaging.client.operation.duration`,
 * `messaging.client.consumed.messages` and `messaging.process.duration`. Our own: `once_again.outbox.messages`, `.parked`,
 * `.unconfirmed`, `.places`, `.oldest` and `.lag`, `once_again.relay.events`, `once_again.inbox.messages`, `.redeliveries` and `.retries`. Bodies and
 * headers are not reported.
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
      requireMethod("outbox", "an outbox, such as postgresOutbox(pool)", outbox, "add");
      return traceOutbox(options, options, outbox);
    },
    tracePublish(publish) {
      requireFunction("publish", "a function, such as publishToSqs(client, { queueUrl })", publish);
      return tracePublish(publish);
    },
    onRelayEvent: relayMetrics(options, meter),
    traceInbox(inbox) {
      requireMethod("inbox", "what openInbox() gives", inbox, "handle");
      return traceInbox(inbox);
    },
    observeBacklog(outbox, attributes = {}) {
      requireMethod("outbox", "an outbox, such as postgresOutbox(pool)", outbox, "backlog");
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
  requireMethod("tracer", "trace.getTracer(name)", tracer, "startSpan");
  requireMethod("meter", "metrics.getMeter(name)", meter, "addBatchObservableCallback");
  requireMethod("trace", "the trace of @opentelemetry/api", trace, "getSpanContext");
  requireMethod("context", "the context of @opentelemetry/api", context, "with");
  requireMethod("propagation", "the propagation of @opentelemetry/api", propagation, "inject");
  if (typeof system !== "string" || system === "") {
    throw invalidOptionError("system", 'the broker, such as "rabbitmq"', system);
  }
  checkFunction("destination", destination);
}

/** Asks an outbox for its backlog whenever metrics are collected, until what it answers with is called. */
function observeBacklog(
  meter: ObservingMeter,
  outbox: Pick<OutboxStore<never>, "backlog">,
  attributes: Attributes,
): () => void {
  const messages = gauge(meter, metricDefinitions.outboxMessages);
  const parked = gauge(meter, metricDefinitions.outboxParked);
  const unconfirmed = gauge(meter, metricDefinitions.outboxUnconfirmed);
  const places = gauge(meter, metricDefinitions.outboxPlaces);
  const oldest = gauge(meter, metricDefinitions.outboxOldest);
  const observe = async (result: ObservableResult): Promise<void> => {
    const backlog = await outbox.backlog();
    result.observe(messages, backlog.messages, attributes);
    result.observe(parked, backlog.parked, attributes);
    result.observe(unconfirmed, backlog.unconfirmed, attributes);
    result.observe(places, backlog.places, attributes);
    result.observe(oldest, (backlog.oldestMs ?? 0) / 1000, attributes);
  };
  const gauges = [messages, parked, unconfirmed, places, oldest];
  meter.addBatchObservableCallback(observe, gauges);
  return () => meter.removeBatchObservableCallback(observe, gauges);
}

/** Counts what happens in relays, and keeps how long messages wait for their publication. */
function relayMetrics(naming: MessageNaming, meter: Meter): Listener<RelayEvent> {
  const events = counter(meter, metricDefinitions.relayEvents);
  const lag = histogram(meter, metricDefinitions.outboxLag);

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

/** An outbox with an `add` that is a span (producer) and adds that span to the message's headers. */
function traceOutbox<Outbox extends OutboxStore<never>>(
  tracing: MessageTracing,
  naming: MessageNaming,
  outbox: Outbox,
): Outbox {
  const add: OutboxStore<never>["add"] = async (transaction, message) => {
    const { topic, headers = {} } = message ?? {};
    // The outbox refuses values that are no message. A trace that the caller gave stays.
    const isPlain = typeof topic === "string" && typeof headers === "object" && headers !== null;
    if (!isPlain || messageOrigin(tracing, headers).creation !== undefined) return outbox.add(transaction, message);
    const { spanName, attributes } = operationNames(naming, "create", topic);
    const span = tracing.tracer.startSpan(spanName, { kind: spanKind.producer, attributes });
    return runInSpan(tracing, span, async () => {
      const traced = { ...message, headers: headersWithTrace(tracing, span, headers) };
      const id = await outbox.add(transaction, traced);
      span.setAttributes({ "messaging.message.id": id });
      return id;
    });
  };
  return { ...outbox, add };
}

/**
 * Makes publishers of which each publish is a span. Of a message without a trace that span is the creation, and goes with the
 * message.
 */
function publishTracer(tracing: MessageTracing, naming: MessageNaming, meter: Meter) {
  const sent = counter(meter, metricDefinitions.sentMessages);
  const duration = histogram(meter, metricDefinitions.publishDuration);

  return (publish: Publish): Publish => {
    const traced: Publish = async (message, given) => {
      const { spanName, attributes } = operationNames(naming, "publish", message.topic);
      const origin = messageOrigin(tracing, message.headers);
      const isCreation = origin.creation === undefined;
      const span = tracing.tracer.startSpan(
        spanName,
        {
          // As the conventions say: between two traces lies a link from a consumer to a producer.
          kind: isCreation ? spanKind.producer : spanKind.client,
          attributes: {
            ...attributes,
            "messaging.message.id": message.id,
            "messaging.message.body.size": message.body.byteLength,
          },
          ...creationLinks(origin),
        },
        origin.parent as never,
      );
      const startedAt = systemClock.monotonic();
      const count = (error?: string): void => {
        const failed = error === undefined ? undefined : { "error.type": error };
        sent.add(1, { ...attributes, ...failed });
        duration.record((systemClock.monotonic() - startedAt) / 1000, { ...attributes, ...failed });
      };
      return runInSpan(tracing, span, async () => {
        const headers = isCreation ? headersWithTrace(tracing, span, message.headers) : message.headers;
        try {
          const confirmation = await publish({ ...message, headers }, given);
          if (confirmation?.isDuplicate === true) span.setAttributes({ "once_again.duplicate": true });
          count();
          return confirmation;
        } catch (error) {
          count(errorType(undefined, error));
          throw error;
        }
      });
    };
    return Object.assign(traced, { place: publish.place });
  };
}
