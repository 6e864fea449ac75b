export type { Engine } from "./engine.ts";
export { type Attempt, type Ended, type Execution, NoEffectError, type Work } from "./execution.ts";
export { decodeAnswer, encodeAnswer, type HttpAnswer } from "./http/answer.ts";
export { type FailureOf, graphqlFailure } from "./http/failure.ts";
export { type HttpHandler } from "./http/handler-work.ts";
export type {
  HttpOptions,
  HttpRules,
  LeasedHttpOptions,
  LeasedMode,
  TransactionalHttpOptions,
  TransactionalMode,
} from "./http/http-options.ts";
export type { IdempotencyPolicy } from "./http/policy.ts";
export type { KeyQuota } from "./http/key-quota.ts";
export type { AnswerInit, Reconcile } from "./http/reconcile.ts";
export { type HttpRequest, type OnceHttp, onceHttp } from "./http/once-http.ts";
export { leasedEngine } from "./leased-engine.ts";
export type { EngineOptions } from "./options.ts";
export type { OnceOperation, Outcome } from "./outcome.ts";
export { sealedStore } from "./sealed-store.ts";
export { type SealedPart, sealer, type SealKey, sealKeyId } from "./sealer.ts";
export type { ServerEvent, StoreOperation } from "./server-event.ts";
export type { Reconciled, Steps } from "./steps.ts";
export { transactionalEngine } from "./transactional-engine.ts";
