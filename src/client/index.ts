export type { FetchEvent, FetchFacts } from "./fetch-event.ts";
export type { RetryingFetchOptions } from "./fetch-options.ts";
export type { Body, BodyFactory, RetryingRequestInit } from "./request-body.ts";
export { retryingFetch, type RetryingFetch } from "./retrying-fetch.ts";
