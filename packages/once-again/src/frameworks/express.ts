/**
 * Middleware for Express: a handler runs once for each key.
 *
 * @module
 */
import "../core/check-platform.ts";
import type { IncomingMessage, ServerResponse } from "node:http";
import { OnceAgainError } from "../core/errors.ts";
import { onceHttp } from "../http/index.ts";
import type { HttpOptions } from "../http/http-options.ts";
import type { OnceRoute } from "../http/handle-request.ts";
import { recordNoEffect } from "./capture/response-capture.ts";
import {
  closeRoute,
  messagesError,
  NodeCall,
  type NodeExecution,
  nodePassingExecution,
  type ReadBody,
  runMiddleware,
} from "./node-adapter.ts";
import { type ParsedRequest, requestBytes } from "./read-body.ts";
import { refuseCall, refuseHandler, wrongPlaceError } from "./errors.ts";

/** The part of Express' request that we use. */
export type ExpressRequest = IncomingMessage & ParsedRequest & { originalUrl: string };

/** The part of Express' response that we use: handlers find their operation in its `locals`. */
type ExpressResponse<Transaction> = ServerResponse & { locals: { once?: NodeExecution<Transaction> } };

const readBody: ReadBody<ExpressRequest> = (request, bytesMax) => requestBytes(request, request, bytesMax);

type Next = (error?: unknown) => void;

/**
 * Express middleware that runs each operation of the handlers behind it once. Its request is a plain one, whatever `scope` takes: Express
 * infers the types of the handlers behind it from it, and would take their path, body and `locals` from there.
 */
export interface OnceExpress<Transaction> extends OnceRoute {
  (request: IncomingMessage & { originalUrl: string }, response: ExpressResponse<Transaction>, next: Next): void;
}

/**
 * Middleware for Express 5, in front of a route's handler: each operation that carries an `Idempotency-Key` happens
 * once, and every repeat gets the first answer. A caller that hangs up does not end its operation. The handler finds
 * its operation in `response.locals.once`, a `NodeExecution`.
 *
 * The answer is whatever the handlers behind it send, your error handlers included. For errors that say that nothing
 * happened, mount `noEffectErrors`. Body parsers go behind it, or keep the bytes: see `keepRawBody`.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 * @example
 * ```ts
 * app.post("/orders", onceExpress({ store, scope: ({ headers }) => accountOf(headers.authorization) }), async (request, response) => {
 *   response.status(201).json(await createOrder(response.locals.once!.key));
 * });
 * ```
 */
export function onceExpress<Request extends ExpressRequest, Transaction = undefined>(
  options: HttpOptions<Request, Transaction>,
  ...others: unknown[]
): OnceExpress<Transaction> {
  refuseHandler("onceExpress", others, "app.post(path, onceExpress(options), handler)");
  const once = onceHttp(options);

  const middleware = (...args: Parameters<OnceExpress<Transaction>>): void => {
    const [incoming, response, next] = args;
    const request = incoming as Request;
    const misuse = expressError(request, response, next);
    if (misuse !== undefined) return refuseCall(misuse, args, once.onError);
    const messages = { incoming, response };
    const call = new NodeCall(once, messages, request, request.originalUrl ?? request.url, readBody);
    const begin = (execution: NodeExecution<Transaction>): void => {
      response.locals.once = execution;
      next();
    };
    const passing = nodePassingExecution(call);
    if (passing !== undefined) return begin(passing);
    runMiddleware(call, begin, (error) => {
      if (error !== undefined) next(error);
    });
  };
  return Object.assign(middleware, { policy: once.policy, close: () => closeRoute(once) });
}

/** The error for a call by another framework than Express: polka calls middleware alike, and has a response of Node's. */
function expressError(request: unknown, response: { locals?: unknown }, next: unknown): OnceAgainError | undefined {
  const misuse = messagesError("onceExpress", request, response);
  if (misuse !== undefined) return misuse;
  if (typeof next !== "function") return wrongPlaceError("onceExpress", "`next` of Express");
  if (response.locals !== undefined) return undefined;
  return new OnceAgainError(
    "ONCE_OPTION_INVALID",
    "onceExpress was called with a response without `locals`, in which handlers find their operation: this is not Express. " +
      "Wrap the handler by onceNode(options, handler) of once-again/node. Nothing happened.",
  );
}

/**
 * The error middleware for `NoEffectError`: `app.use(noEffectErrors)`, behind the routes and in front of your own error
 * handlers. Express does not tell a middleware what the handlers behind it threw, so without this one such an error is a
 * failure like any other. `response.locals.once.noEffect()` needs no error middleware.
 */
export function noEffectErrors(error: unknown, _request: unknown, response: ServerResponse, next: Next): void {
  recordNoEffect(response, error);
  next(error);
}

/** For Express' body parsers, to keep the bytes they read: `express.json({ verify: keepRawBody })`. */
export function keepRawBody(request: IncomingMessage, _response: unknown, bytes: Uint8Array): void {
  Object.assign(request, { rawBody: bytes });
}
