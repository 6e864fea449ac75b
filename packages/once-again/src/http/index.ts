export { decodeResponse, encodeResponse, type HttpHandler, type HttpResponse } from "./response.ts";
export type { CoveredParts } from "./covered-parts.ts";
export { type FailureOf, graphqlFailure } from "./failure.ts";
export type {
  HttpOptions,
  HttpRules,
  LeasedHttpOptions,
  LeasedMode,
  TransactionalHttpOptions,
  TransactionalMode,
} from "./http-options.ts";
export type { IdempotencyPolicy } from "./policy.ts";
export type { KeyQuota } from "./key-quota.ts";
export type { ReconciledResponse, Reconcile } from "./reconcile.ts";
export { type HttpRequest, type OnceHttp, type OnceRoute, onceHttp } from "./once-http.ts";
