/**
 * The HTTP rules on the engine, for an adapter that is not here.
 *
 * @module
 */
import "../core/check-platform.ts";
export { ByteCollector } from "../core/bytes.ts";
export { decodeResponse, encodeResponse, type HttpHandler, type HttpResponse } from "./response.ts";
export type { Label } from "./request-details.ts";
export type { LeasedHttpOptions, TransactionalHttpOptions } from "./http-options.ts";
export { graphqlFailure } from "./graphql-failure.ts";
export { userExecution } from "../engine/execution.ts";
export { type HttpAttempt, type HttpRequest, type OnceHttp, onceHttp } from "./handle-request.ts";
