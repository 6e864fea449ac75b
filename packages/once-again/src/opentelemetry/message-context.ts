import { headerBytesMax } from "../stores/outbox-store.ts";
import type { ActivatingContextApi, PropagationApi, RemoteTraceApi, Span, Tracer } from "./api.ts";

/** The parts that make spans of messages: the first is yours, the others are those of `@opentelemetry/api`. */
export interface MessageTracing {
  readonly tracer: Tracer;
  readonly trace: RemoteTraceApi;
  readonly context: ActivatingContextApi;
  readonly propagation: PropagationApi;
}

type Headers = Readonly<Record<string, string>>;

/** Where a message comes from: what to link a span to, and what to put it below. */
export interface MessageOrigin {
  /** The context of the span in which the message was made; `undefined`: its headers name none. */
  readonly creation: unknown;
  /** The active context, or where no span is active that of the creation. */
  readonly parent: unknown;
}

export function messageOrigin({ trace, context, propagation }: MessageTracing, headers: Headers): MessageOrigin {
  const active = context.active();
  const spanless = trace.deleteSpan(active as never);
  const remote = propagation.extract(spanless as never, { ...headers });
  const creation = trace.getSpanContext(remote as never);
  const isInSpan = trace.getSpan(active as never) !== undefined;
  return { creation, parent: isInSpan ? active : remote };
}

/** As a span's options: the conventions ask for a link to the creation, also of a span that is below it. */
export function creationLinks({ creation }: MessageOrigin): { links?: { context: never }[] } {
  return creation === undefined ? {} : { links: [{ context: creation as never }] };
}

/** How large one header of a propagator may be, bytes: `traceparent` and `tracestate` have fewer, baggage may have more. */
const traceBytesMax = 1024;

/** The bytes that an outbox adds itself, at most. */
const contentTypeBytesMax = 128;

/** Headers, and among them where `span` is to be found, as far as there is room: no message is refused for its trace. */
export function headersWithTrace(
  { trace, context, propagation }: MessageTracing,
  span: Span,
  headers: Headers,
): Headers {
  const carrier: Record<string, string> = {};
  propagation.inject(trace.setSpan(context.active() as never, span as never) as never, carrier);
  let traced = headers;
  for (const [name, value] of Object.entries(carrier)) {
    // In lower case, as all headers of messages are.
    const added = { [name.toLowerCase()]: value };
    const all = { ...traced, ...added };
    if (sizeOf(added) <= traceBytesMax && sizeOf(all) <= headerBytesMax - contentTypeBytesMax) traced = all;
  }
  return traced;
}

function sizeOf(headers: Headers): number {
  return new TextEncoder().encode(JSON.stringify(Object.entries(headers))).byteLength;
}
