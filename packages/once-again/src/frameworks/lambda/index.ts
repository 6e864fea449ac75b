/**
 * Handlers of AWS Lambda: once for each event, request or record of a batch.
 *
 * @module
 */
export type { HttpEvent, LambdaHttpAnswer, LambdaResponse } from "./http-event.ts";
export type { LambdaContext, LambdaFunction } from "./invocation.ts";
export type { OnceHttpFunction } from "./lambda-http.ts";
export { onceLambda } from "./once-lambda.ts";
export type { BatchAnswer } from "./sources.ts";
