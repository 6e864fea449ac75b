export type {
  ActivatingContextApi,
  Attributes,
  ContextApi,
  Counter,
  Histogram,
  InstrumentOptions,
  Meter,
  ObservableResult,
  ObservingMeter,
  PropagationApi,
  RemoteTraceApi,
  Span,
  SpanOptions,
  TraceApi,
  Tracer,
} from "./api.ts";
export type { Tracing } from "./call-spans.ts";
export { clientTelemetry, type ClientTelemetryOptions } from "./client-telemetry.ts";
export type { MessageNaming } from "./message-attributes.ts";
export type { MessageTracing } from "./message-context.ts";
export { messageTelemetry, type MessageTelemetry, type MessageTelemetryOptions } from "./message-telemetry.ts";
export { serverTelemetry } from "./server-telemetry.ts";
