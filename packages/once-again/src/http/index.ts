export { ByteCollector } from "../core/byte-collector.ts";
export { decodeResponse, encodeResponse, type HttpHandler, type HttpResponse } from "./response.ts";
export type { CoveredParts } from "./covered-parts.ts";
export type { FailureOf } from "./failure-of.ts";
export type { HttpAttempt } from "./http-attempt.ts";
export { graphqlFailure } from "./graphql-failure.ts";
export type {
  HttpOptions,
  HttpRules,
  LeasedHttpOptions,
  LeasedMode,
  TransactionalHttpOptions,
  TransactionalMode,
} from "./http-options.ts";
export type { EventPlace, Latest } from "./latest.ts";
export type { IdentifiedRequest, Identify, ReceivedRequest } from "./message.ts";
export type { IdempotencyPolicy } from "./policy.ts";
export type { KeyQuota } from "./key-quota.ts";
export type { ProfileName } from "./profile.ts";
export type { ReconciledResponse, Reconcile } from "./reconcile.ts";
export { userExecution } from "../engine/execution.ts";
export { type HttpRequest, type OnceHttp, type OnceRoute, onceHttp } from "./once-http.ts";
