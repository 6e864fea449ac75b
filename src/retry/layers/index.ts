export { type AnyLayer, compose, type Layer, retrying, run } from "../layer.ts";
export { adaptiveThrottle, type AdaptiveThrottleOptions, rejectionProbability } from "./adaptive-throttle.ts";
export type { CircuitBreakerOptions } from "./circuit-breaker-options.ts";
export { circuitBreaker } from "./circuit-breaker.ts";
export { concurrencyLimit, type ConcurrencyLimitOptions } from "./concurrency-limit.ts";
export { hedge, type HedgeOptions } from "./hedge.ts";
export { type Failed, failedByDefault } from "./judge.ts";
