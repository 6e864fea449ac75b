export { type AttemptHeaders, type OuterAttempt, readAttempt } from "./attempt-headers.ts";
export type { FetchEvent, FetchFacts } from "./fetch-options.ts";
export type { OriginContext, RetryingFetchOptions } from "./fetch-options.ts";
export type { KeysOption } from "./repeats.ts";
export type { OriginRule } from "./per-origin.ts";
export type { Body, BodyFactory, CallLimits, RetryingRequestInit } from "./request-body.ts";
export type { AttemptFailure, ShouldRetry } from "./retry-rule.ts";
export { retryingFetch, type RetryingFetch } from "./retrying-fetch.ts";
