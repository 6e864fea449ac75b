/**
 * Layers around a call: circuit breaker, adaptive throttle, concurrency limit, hedging, and `compose()`.
 *
 * @module
 */
export { type AnyLayer, compose, type Layer, retrying, run } from "../layer.ts";
export { adaptiveThrottle } from "./adaptive-throttle.ts";
export { type NestedRetries, type NestedRetriesOptions, noticeNestedRetries } from "./notice-nested-retries.ts";
export type { CircuitState } from "./breaker-state.ts";
export type { CircuitBreakerOptions } from "./circuit-breaker-options.ts";
export { type CircuitBreaker, circuitBreaker } from "./circuit-breaker.ts";
export { concurrencyLimit } from "./concurrency-limit.ts";
export { hedge, type HedgeOptions } from "./hedge.ts";
export { isFailureByDefault } from "./judge.ts";
export type { ConcurrencyLimitOptions } from "./concurrency-state.ts";
export type { AdaptiveThrottleOptions } from "./throttle-options.ts";
export { rejectionProbability } from "./throttle-state.ts";
