/**
 * The pure rules under the loops: state and facts in, a decision out. They know neither timers nor the network, so they
 * can be driven on a clock of one's own, as the storm simulator of @once-again/tools drives them.
 */
export { decideOn, type Failure, type ResponseHead } from "./client/retry-rule.ts";
export { attemptTimeoutError } from "./retry/attempt.ts";
export { type Admission, type BreakerState, breakerState } from "./retry/layers/breaker-state.ts";
export { type CircuitBreakerSettings, circuitBreakerSettings } from "./retry/layers/circuit-breaker-options.ts";
export { type HedgeRule, hedgeRule } from "./retry/layers/hedge-rule.ts";
export type { OutcomeWindow } from "./retry/layers/outcome-window.ts";
export {
  type ConcurrencySettings,
  concurrencySettings,
  type ConcurrencyState,
  concurrencyState,
} from "./retry/layers/concurrency-state.ts";
export { type ThrottleSettings, throttleSettings } from "./retry/layers/throttle-options.ts";
export { type ThrottleState, throttleState } from "./retry/layers/throttle-state.ts";
export { type Limit, type Plan, planRetry, type Progress } from "./retry/next-wait.ts";
export type { RetryPolicy } from "./retry/retry-options.ts";
