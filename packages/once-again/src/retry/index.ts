export type { Attempt, Operation } from "./attempt.ts";
export {
  type Backoff,
  constantBackoff,
  decorrelatedBackoff,
  exponentialBackoff,
  fibonacciBackoff,
  linearBackoff,
} from "./backoff.ts";
export { successBudget } from "./budgets/success-budget.ts";
export { decideByDefault, type Decision } from "./decision.ts";
export { boundedJitter, equalJitter, fullJitter, type Jitter, noJitter } from "./jitter.ts";
export type { RetryBudget } from "./budgets/budget.ts";
export type { RetryEvent } from "./retry-event.ts";
export { retry } from "./retry.ts";
