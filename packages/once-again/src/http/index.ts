/**
 * The HTTP rules on the engine, for an adapter that is not here.
 *
 * @module
 */
export { ByteCollector } from "../core/bytes.ts";
export { decodeResponse, encodeResponse, type HttpHandler, type HttpResponse } from "./response.ts";
export type { Label } from "./request-details.ts";
export type {
  CoveredParts,
  FailureOf,
  HttpLimits,
  HttpOptions,
  HttpRules,
  LeasedHttpOptions,
  LeasedMode,
  ProfileRules,
  TransactionalHttpOptions,
  TransactionalMode,
  UnknownOutcomeRules,
} from "./http-options.ts";
export type { IdentifiedRequest } from "./message-route.ts";
export type { HttpAttempt } from "./http-attempt.ts";
export { graphqlFailure } from "./graphql-failure.ts";
export type { EventPlace, Latest } from "./message-order.ts";
export type { IdempotencyPolicy, ProfileName } from "./profile.ts";
export type { KeyQuota } from "./key-quota.ts";
export type { ReconciledResponse, Reconcile } from "./reconcile.ts";
export { userExecution } from "../engine/execution.ts";
export { type HttpRequest, type OnceHttp, type OnceRoute, onceHttp } from "./handle-request.ts";
