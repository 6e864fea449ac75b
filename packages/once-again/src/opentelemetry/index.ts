export type {
  Attributes,
  ContextApi,
  Counter,
  Histogram,
  InstrumentOptions,
  Meter,
  Span,
  TraceApi,
  Tracer,
} from "./api.ts";
export type { Tracing } from "./call-spans.ts";
export { clientTelemetry, type ClientTelemetryOptions } from "./client-telemetry.ts";
export { serverTelemetry } from "./server-telemetry.ts";
