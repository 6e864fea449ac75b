import type { FetchEvent } from "../client/index.ts";
import type { Listener } from "../core/listener.ts";
import { type ContextApi, errorStatus, type Span, spanKind, type TraceApi, type Tracer } from "./api.ts";
import { errorType, spanAttributes } from "./http-attributes.ts";

/** The parts that make spans: the first is yours, the others are those of `@opentelemetry/api`. */
export interface Tracing {
  readonly tracer: Tracer;
  readonly trace: TraceApi;
  readonly context: ContextApi;
}

/** The spans of one call under way. */
interface CallSpans {
  readonly call: Span;
  attempt: Span | undefined;
}

/** A span for each call, and below it one for each attempt. */
export function callSpans({ tracer, trace, context }: Tracing): Listener<FetchEvent> {
  const calls = new WeakMap<object, CallSpans>();

  const begin = (event: FetchEvent): CallSpans => {
    const attributes = spanAttributes(event);
    const call = tracer.startSpan(`${attributes["http.request.method"]} with retries`, {
      kind: spanKind.internal,
      attributes: { ...attributes, ...(event.key === undefined ? undefined : { "once_again.key": event.key }) },
    });
    const spans: CallSpans = { call, attempt: undefined };
    calls.set(event.call, spans);
    return spans;
  };

  const startAttempt = (event: FetchEvent & { type: "attempt-started" }): void => {
    const spans = calls.get(event.call) ?? begin(event);
    const attributes = spanAttributes(event);
    const resent = event.attempt === 1 ? undefined : { "http.request.resend_count": event.attempt - 1 };
    spans.attempt = tracer.startSpan(
      attributes["http.request.method"],
      { kind: spanKind.client, attributes: { ...attributes, ...resent } },
      trace.setSpan(context.active() as never, spans.call as never) as never,
    );
  };

  return (event) => {
    if (event.type === "attempt-started") {
      startAttempt(event);
      return;
    }
    const spans = calls.get(event.call);
    if (spans === undefined) return;
    switch (event.type) {
      case "attempt-failed":
        endAttempt(spans, event, errorType(event.status, event.error));
        return;
      case "retry-scheduled":
        spans.call.addEvent("retry scheduled", {
          "once_again.retry.delay_ms": event.delayMs,
          "once_again.retry.reason": event.why ?? "unsaid",
        });
        return;
      case "retry-denied":
        spans.call.addEvent("retry denied", { "once_again.denied.reason": event.why });
        return;
      case "succeeded":
        endAttempt(spans, event, undefined);
        endCall(spans, event, undefined);
        return;
      case "gave-up":
        endAttempt(spans, event, event.why);
        spans.call.setAttributes({ "once_again.gave_up.reason": event.why });
        endCall(spans, event, event.status === undefined ? event.why : String(event.status));
    }
  };
}

function endAttempt(spans: CallSpans, event: FetchEvent, error: string | undefined): void {
  const { attempt } = spans;
  if (attempt === undefined) return;
  spans.attempt = undefined;
  if (event.verdict !== undefined) {
    const { delivery, reason } = event.verdict;
    attempt.setAttributes({ "once_again.delivery": delivery, "once_again.delivery.reason": reason });
  }
  end(attempt, event, error);
}

function endCall({ call }: CallSpans, event: FetchEvent & { attempts: number }, error: string | undefined): void {
  call.setAttributes({ "once_again.attempts": event.attempts });
  end(call, event, error);
}

function end(span: Span, { status }: FetchEvent, error: string | undefined): void {
  if (status !== undefined) span.setAttributes({ "http.response.status_code": status });
  if (error !== undefined) {
    span.setAttributes({ "error.type": error });
    span.setStatus({ code: errorStatus });
  }
  span.end();
}
