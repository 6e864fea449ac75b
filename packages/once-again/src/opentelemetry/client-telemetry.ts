import type { FetchEvent } from "../client/index.ts";
import type { Listener } from "../core/events.ts";
import type { Meter } from "./api.ts";
import { callMetrics } from "./call-metrics.ts";
import { callSpans, type Tracing } from "./call-spans.ts";

/** What the telemetry of callers is made with. */
export interface ClientTelemetryOptions extends Tracing {
  readonly meter: Meter;
}

/**
 * A listener for `onEvent` of `retryingFetch`, `once-again/undici` and `once-again/axios`. One serves any number of them.
 *
 * Spans: one for each call (internal), below the active one, and below it one for each attempt (client), named as the
 * semantic conventions for HTTP name them; `once_again.delivery` says what a failed attempt proved, and the events
 * `retry scheduled` and `retry denied` why it went on or did not. Metrics: `once_again.client.attempts`, `.retries`,
 * `.retries_denied` and `.call.duration`. URLs come without their query. Nothing is put into the requests: what hands the
 * trace on to the server is an instrumentation of the HTTP client.
 *
 * ```ts
 * import { context, metrics, trace } from "@opentelemetry/api";
 * const onEvent = clientTelemetry({ tracer: trace.getTracer("shop"), meter: metrics.getMeter("shop"), trace, context });
 * ```
 */
export function clientTelemetry(options: ClientTelemetryOptions): Listener<FetchEvent> {
  const spans = callSpans(options);
  const metrics = callMetrics(options.meter);
  return (event) => {
    spans(event);
    metrics(event);
  };
}
