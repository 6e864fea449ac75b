import { context, metrics, trace } from "@opentelemetry/api";
import { retryingFetch } from "once-again/client";
import { clientTelemetry } from "once-again/opentelemetry";

// After your SDK has started: a meter that is taken before it counts nothing.
const onEvent = clientTelemetry({
  tracer: trace.getTracer("shop"),
  meter: metrics.getMeter("shop"),
  trace,
  context,
});

export const fetch = retryingFetch({ keys: ["https://orders.example"], onEvent });
