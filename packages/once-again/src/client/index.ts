/**
 * `retryingFetch()`: a `fetch` with one key and one body for all attempts of a call.
 *
 * @module
 */
export { type OuterAttempt, readAttempt } from "./attempt-headers.ts";
export type { FetchEvent, FetchFacts } from "./fetch-options.ts";
export type { RetryingFetchOptions } from "./fetch-options.ts";
export type { Body } from "./request-body.ts";
export { retryingFetch, type RetryingFetch } from "./retrying-fetch.ts";
export type { AttemptFailure, ShouldRetry } from "./retry-rule.ts";
