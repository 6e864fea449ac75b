/**
 * Spans and metrics of callers, servers and messages, for OpenTelemetry.
 *
 * @module
 */
export type { Attributes, Counter, Histogram, Span } from "./api.ts";
export { clientTelemetry, type ClientTelemetryOptions } from "./client-telemetry.ts";
export { combineListeners } from "./combine-listeners.ts";
export { messageTelemetry, type MessageTelemetry, type MessageTelemetryOptions } from "./message-telemetry.ts";
export { type HeldTelemetryOptions, serverTelemetry, type ServerTelemetryOptions } from "./server-telemetry.ts";
