export type { Attempt, Operation, Outcome } from "./attempt.ts";
export {
  type Backoff,
  type BackoffContext,
  type BackoffOptions,
  constantBackoff,
  decorrelatedBackoff,
  exponentialBackoff,
  fibonacciBackoff,
  linearBackoff,
} from "./backoff.ts";
export { successBudget } from "./budgets/success-budget.ts";
export { type Decide, decideByDefault, type Decision } from "./decision.ts";
export type { GaveUpDetails } from "./gave-up-error.ts";
export { boundedJitter, equalJitter, fullJitter, type Jitter, noJitter } from "./jitter.ts";
export type { FailureKind, RetryBudget } from "./retry-budget.ts";
export type { DenialReason, RetryEvent } from "./retry-event.ts";
export type { RetryOptions } from "./retry-options.ts";
export { retry } from "./retry.ts";
