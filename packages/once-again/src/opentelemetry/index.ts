/**
 * Spans and metrics of callers, servers and messages, for OpenTelemetry.
 *
 * @module
 */
export type { Attributes, Counter, Histogram, Span } from "./api.ts";
export { clientTelemetry, type ClientTelemetryOptions } from "./client-telemetry.ts";
export { messageTelemetry, type MessageTelemetry, type MessageTelemetryOptions } from "./message-telemetry.ts";
export { serverTelemetry } from "./server-telemetry.ts";
