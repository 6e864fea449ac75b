/**
 * `retryingFetch()`: a `fetch` with one key and one body for all attempts of a call.
 *
 * @module
 */
import "../core/check-platform.ts";
export { type OuterAttempt, readAttempt } from "./attempt-headers.ts";
export type { FetchEvent } from "./fetch-options.ts";
export type { Body } from "./request-body.ts";
export { retryingFetch, type RetryingFetch } from "./retrying-fetch.ts";
