/**
 * Spans and metrics of callers, servers and messages, for OpenTelemetry.
 *
 * @module
 */
import "../core/check-platform.ts";
export { clientTelemetry } from "./client-telemetry.ts";
export { combineListeners } from "./combine-listeners.ts";
export { messageTelemetry, type MessageTelemetry } from "./message-telemetry.ts";
export { serverTelemetry } from "./server-telemetry.ts";
