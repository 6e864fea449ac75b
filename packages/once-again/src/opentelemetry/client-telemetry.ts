import type { FetchEvent } from "../client/index.ts";
import type { Listener } from "../core/listener.ts";
import { checkNames, type OptionNames } from "../core/option-names.ts";
import { requireMethod } from "../core/options.ts";
import type { Meter } from "./api.ts";
import { callSpans, type Tracing } from "./call-spans.ts";
import { targetAttributes } from "./http-attributes.ts";
import { counter, histogram, metricDefinitions } from "./metrics.ts";

/** The options of the telemetry of callers. */
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
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for anything else than a tracer, a meter and the APIs.
 */
export function clientTelemetry(options: ClientTelemetryOptions): Listener<FetchEvent> {
  checkNames("clientTelemetry", options, names);
  const { tracer, meter, trace, context } = options;
  requireMethod("tracer", "trace.getTracer(name)", tracer, "startSpan");
  requireMethod("meter", "metrics.getMeter(name)", meter, "createCounter");
  requireMethod("trace", "the trace of @opentelemetry/api", trace, "setSpan");
  requireMethod("context", "the context of @opentelemetry/api", context, "active");
  const spans = callSpans(options);
  const metrics = callMetrics(options.meter);
  return (event) => {
    spans(event);
    metrics(event);
  };
}

const names: OptionNames<ClientTelemetryOptions> = { tracer: true, meter: true, trace: true, context: true };

/** Counts attempts, retries and denials by their reason, and keeps how long calls take. */
function callMetrics(meter: Meter): Listener<FetchEvent> {
  const attempts = counter(meter, metricDefinitions.clientAttempts);
  const retries = counter(meter, metricDefinitions.clientRetries);
  const denials = counter(meter, metricDefinitions.clientDenied);
  const duration = histogram(meter, metricDefinitions.callDuration);

  return (event) => {
    const attributes = targetAttributes(event);
    switch (event.type) {
      case "attempt-started":
        attempts.add(1, attributes);
        return;
      case "retry-scheduled":
        retries.add(1, { ...attributes, "once_again.retry.reason": event.why ?? "unsaid" });
        return;
      case "retry-denied":
        denials.add(1, { ...attributes, "once_again.denied.reason": event.why });
        return;
      case "succeeded":
      case "gave-up": {
        const failed = event.type === "gave-up" ? { "error.type": event.why } : undefined;
        const status = event.status === undefined ? undefined : { "http.response.status_code": event.status };
        duration.record(event.elapsedMs / 1000, { ...attributes, ...failed, ...status });
      }
    }
  };
}
