import { systemClock } from "../core/system-clock.ts";
import type { Publish } from "../messaging/outbox/index.ts";
import { type Meter, spanKind } from "./api.ts";
import { errorType } from "./http-attributes.ts";
import { type MessageNaming, operationNames } from "./message-attributes.ts";
import { creationLinks, headersWithTrace, messageOrigin, type MessageTracing } from "./message-context.ts";
import { counter, histogram, metricDefinitions } from "./metrics.ts";
import { runInSpan } from "./run-in-span.ts";

/**
 * Makes publishers of which each publish is a span. Of a message without a trace that span is the creation, and goes with the
 * message.
 */
export function publishTracer(tracing: MessageTracing, naming: MessageNaming, meter: Meter) {
  const sent = counter(meter, metricDefinitions.sentMessages);
  const duration = histogram(meter, metricDefinitions.publishDuration);

  return (publish: Publish): Publish =>
    async (message, given) => {
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
}
