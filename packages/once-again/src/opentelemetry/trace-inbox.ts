import { systemClock } from "../core/system-clock.ts";
import type { Inbox, InboxMessage, InboxVerdict, MessageWork } from "../messaging/inbox/index.ts";
import { type Attributes, type Meter, type Span, spanKind } from "./api.ts";
import { errorType } from "./http-attributes.ts";
import { type MessageNaming, operationNames } from "./message-attributes.ts";
import { creationLinks, messageOrigin, type MessageTracing } from "./message-context.ts";
import { counter, histogram, metricDefinitions } from "./metrics.ts";
import { failSpan, runInSpan } from "./run-in-span.ts";

/** Makes inboxes that have a span (consumer) for each delivery, which is active while the work runs. */
export function inboxTracer(tracing: MessageTracing, naming: MessageNaming, meter: Meter) {
  const metrics = inboxMetrics(meter);

  return <Transaction>(inbox: Inbox<Transaction>): Inbox<Transaction> => {
    const handle: Inbox<Transaction>["handle"] = (message, work, options) => {
      // The inbox refuses values that are no message or no work.
      if (typeof message?.topic !== "string" || typeof work !== "function") return inbox.handle(message, work, options);
      const { spanName, attributes: named } = operationNames(naming, "process", message.topic);
      const attributes = { ...named, "messaging.consumer.group.name": inbox.consumer };
      const origin = messageOrigin(tracing, message.headers ?? {});
      const span = tracing.tracer.startSpan(
        spanName,
        { kind: spanKind.consumer, attributes: { ...attributes, ...factsOf(message) }, ...creationLinks(origin) },
        origin.parent as never,
      );
      if (deliveriesOf(message) > 1) metrics.redeliveries.add(1, attributes);
      const startedAt = systemClock.monotonic();
      return runInSpan(tracing, span, async () => {
        const runs = countRuns(work, span, () => metrics.retries.add(1, attributes));
        const verdict = await inbox.handle(message, runs.work, options);
        const seconds = (systemClock.monotonic() - startedAt) / 1000;
        const failed = verdict.action === "dead-letter" ? { "error.type": verdict.reason } : undefined;
        metrics.consumed.add(1, { ...attributes, ...failed });
        metrics.duration.record(seconds, { ...attributes, ...failed });
        metrics.messages.add(1, { ...attributes, ...outcomeOf(verdict) });
        span.setAttributes({ ...outcomeOf(verdict), "once_again.attempts": runs.count() });
        if (verdict.action === "dead-letter") failSpan(span, verdict.reason);
        return verdict;
      });
    };
    return { ...inbox, handle };
  };
}

function inboxMetrics(meter: Meter) {
  return {
    consumed: counter(meter, metricDefinitions.consumedMessages),
    messages: counter(meter, metricDefinitions.inboxMessages),
    redeliveries: counter(meter, metricDefinitions.inboxRedeliveries),
    retries: counter(meter, metricDefinitions.inboxRetries),
    duration: histogram(meter, metricDefinitions.processDuration),
  };
}

/** Wraps the work: its runs are counted, and an error that it throws is an event of the span. */
function countRuns<Transaction>(work: MessageWork<Transaction>, span: Span, onRetry: () => void) {
  let runs = 0;
  const counted: MessageWork<Transaction> = async (message, execution) => {
    runs += 1;
    if (runs > 1) onRetry();
    try {
      await work(message, execution);
    } catch (error) {
      span.addEvent("work failed", { "error.type": errorType(undefined, error), "once_again.attempt": runs });
      throw error;
    }
  };
  return { work: counted, count: () => runs };
}

function deliveriesOf({ deliveries }: InboxMessage): number {
  return deliveries ?? 1;
}

function factsOf(message: InboxMessage): Attributes {
  const { id, body } = message;
  return {
    ...(typeof id === "string" && { "messaging.message.id": id }),
    ...(body instanceof Uint8Array && { "messaging.message.body.size": body.byteLength }),
    ...(deliveriesOf(message) > 1 && { "once_again.deliveries": deliveriesOf(message) }),
  };
}

function outcomeOf(verdict: InboxVerdict): Attributes {
  switch (verdict.action) {
    case "acknowledge":
      return { "once_again.outcome": verdict.isRepeat ? "replayed" : "executed" };
    case "dead-letter":
      return { "once_again.outcome": "dead-letter", "once_again.dead_letter.reason": verdict.reason };
    case "give-back":
      return { "once_again.outcome": "give-back" };
  }
}
