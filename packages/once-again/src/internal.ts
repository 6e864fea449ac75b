/**
 * For the packages of this project alone, such as `@once-again/tools`: not stable. Any release may change or remove a
 * name of this module, so import none of it into your own program.
 *
 * It has the checks of options, and the pure rules under the loops: state and facts in, a decision out. The rules know
 * neither timers nor the network, so the storm simulator drives them on its own clock.
 */
import "./core/check-platform.ts";
export { decideOn, type Failure, type ResponseHead } from "./client/should-retry.ts";
export type { Awaitable } from "./core/awaitable.ts";
export {
  checkBoolean,
  checkChoice,
  checkFunction,
  checkNumber,
  invalidOptionError,
  nearestName,
} from "./core/options.ts";
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
export { type Limit, type Plan, planRetry, type Progress } from "./retry/plan-retry.ts";
export type { RetryPolicy } from "./retry/retry-options.ts";
export { Absence } from "./engine/bounded-store.ts";
export { drawRetryAfterMs, drawRetryAfterSeconds, retryAfterRange } from "./engine/retry-after.ts";
export { recordOperations } from "./stores/transition.ts";
export type { RetryingFetchOptions } from "./client/fetch-options.ts";
export { type OperationDetails, readDetails } from "./core/operation-details.ts";
export { systemRandom, uniform } from "./core/random.ts";
export { logError } from "./core/error-log.ts";
export { systemClock } from "./core/system-clock.ts";
export type { HttpLimits, HttpRules, ProfileRules, UnknownOutcomeRules } from "./http/http-options.ts";
export type { Reconcile } from "./http/reconcile.ts";
export { type KeyFormat, parseKey } from "./key/key.ts";
export type { JetstreamConsumerSource } from "./messaging/inbox/consumers/jetstream-client.ts";
export type { RabbitmqConsumerConnection, RabbitmqConsumerOptions } from "./messaging/inbox/consumers/rabbitmq.ts";
export type { InboxRules } from "./messaging/inbox/inbox-options.ts";
export type { JetstreamPublisher, NatsHeaders } from "./messaging/outbox/publishers/jetstream.ts";
export type { RabbitmqConnection } from "./messaging/outbox/publishers/rabbitmq.ts";
export type { AwsBudgetOptions } from "./retry/budgets/aws-budget.ts";
export type { FinagleBudgetOptions } from "./retry/budgets/finagle-budget.ts";
export type { CircuitBreakerOptions } from "./retry/layers/circuit-breaker-options.ts";
export type { ConcurrencyLimitOptions } from "./retry/layers/concurrency-state.ts";
export type { AdaptiveThrottleOptions } from "./retry/layers/throttle-options.ts";
export type { FailureKind } from "./retry/budgets/budget.ts";
export type { HeldCount } from "./stores/health.ts";
export type {
  ClaimedMessage,
  DiscardedMessage,
  ListUnconfirmedRequest,
  OutboxBacklog,
  UnconfirmedPlace,
  UnconfirmedState,
  WholeUnconfirmedMessage,
} from "./stores/outbox-store.ts";
export { measureRecord } from "./stores/list-records.ts";
export { type SealedPart, sealer, type SealKey, sealKeyId } from "./stores/sealer.ts";
export { noteLengthMax, readSettlementNote, type SettlementNote } from "./stores/settlement-note.ts";
export type {
  Acquired,
  ListPosition,
  MarkAnswer,
  MarkRequest,
  OnLateUse,
  ResolveRequest,
  StepRequest,
  TransactionEnding,
} from "./stores/store.ts";
