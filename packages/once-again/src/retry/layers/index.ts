/**
 * Layers around a call: circuit breaker, adaptive throttle, concurrency limit, hedging, and `compose()`.
 *
 * @module
 */
import "../../core/check-platform.ts";
export { type AnyLayer, compose, type Layer, retrying, run } from "../layer.ts";
export { adaptiveThrottle } from "./adaptive-throttle.ts";
export { noticeNestedRetries } from "./notice-nested-retries.ts";
export { type CircuitBreaker, circuitBreaker } from "./circuit-breaker.ts";
export { concurrencyLimit } from "./concurrency-limit.ts";
export { hedge } from "./hedge.ts";
