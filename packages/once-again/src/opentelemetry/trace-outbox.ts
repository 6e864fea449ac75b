import type { OutboxStore } from "../stores/outbox-store.ts";
import { spanKind } from "./api.ts";
import { type MessageNaming, operationNames } from "./message-attributes.ts";
import { headersWithTrace, messageOrigin, type MessageTracing } from "./message-context.ts";
import { runInSpan } from "./run-in-span.ts";

/** An outbox whose `add` is a span (producer), and puts that into the message's headers. */
export function traceOutbox<Outbox extends OutboxStore<never>>(
  tracing: MessageTracing,
  naming: MessageNaming,
  outbox: Outbox,
): Outbox {
  const add: OutboxStore<never>["add"] = async (transaction, message) => {
    const { topic, headers = {} } = message ?? {};
    // What is no message is the outbox's to refuse. A trace that the caller gave stays.
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
