/**
 * Middleware for Koa: a handler runs once for each key.
 *
 * @module
 */
import "../core/check-platform.ts";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type HttpResponse, onceHttp } from "../http/index.ts";
import type { HttpOptions } from "../http/http-options.ts";
import type { OnceRoute } from "../http/handle-request.ts";
import { recordNoEffect, type ResponseCapture } from "./capture/response-capture.ts";
import { refuseCall, refuseHandler } from "./errors.ts";
import {
  closeRoute,
  messagesError,
  NodeCall,
  type NodeExecution,
  nodePassingExecution,
  type ReadBody,
  runMiddleware,
  type SendResponse,
} from "./node-adapter.ts";
import { type ParsedRequest, requestBytes } from "./read-body.ts";

/** The part of Koa's context that we use: handlers find their operation in its `state`. */
export interface KoaContext {
  req: IncomingMessage;
  res: ServerResponse;
  originalUrl: string;
  get: (field: string) => string;
  request: ParsedRequest;
  state: { once?: unknown };
  status: number;
  body: unknown;
  respond?: boolean | undefined;
}

/** Koa middleware that runs each operation of the middleware behind it once. */
export interface OnceKoa<Context> extends OnceRoute {
  (context: Context, next: () => Promise<unknown>): Promise<void>;
}

const readBody: ReadBody<KoaContext> = ({ req, request }, bytesMax) => requestBytes(req, request, bytesMax);

/**
 * Middleware for Koa 3, in front of a route's handler: each operation that carries an `Idempotency-Key` happens once,
 * and every repeat gets the first answer. A caller that hangs up does not end its operation. The handler finds its
 * operation in `ctx.state.once`, a `NodeExecution`.
 *
 * The answer is what Koa sends in the end, after all middleware: what those in front do to a body or an error is stored
 * with it. Middleware in front runs for repeats, too: what it sets of headers is in them, and their status and body are
 * those that were stored.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 * @example
 * ```ts
 * router.post("/orders", onceKoa({ store, scope: (ctx: Context) => ctx.state.user.id }), async (ctx) => {
 *   ctx.status = 201;
 *   ctx.body = await createOrder(ctx.state.once.key);
 * });
 * ```
 */
export function onceKoa<Context extends KoaContext, Transaction = undefined>(
  options: HttpOptions<Context, Transaction>,
  ...others: unknown[]
): OnceKoa<Context> {
  refuseHandler("onceKoa", others, "router.post(path, onceKoa(options), handler)");
  const once = onceHttp(options);

  const middleware = async (context: Context, next: () => Promise<unknown>, ...others: unknown[]): Promise<void> => {
    const misuse = messagesError("onceKoa", context?.req, context?.res);
    if (misuse !== undefined) return refuseCall(misuse, [context, next, ...others], once.onError);
    const messages = { incoming: context.req, response: context.res };
    const call = new NodeCall(once, messages, context, context.originalUrl, readBody);
    const passing = nodePassingExecution(call);
    if (passing !== undefined) {
      context.state.once = passing;
      await next();
      return;
    }
    const handlerEnd = Promise.withResolvers<void>();
    const send: SendResponse = (capture, answer) => sendThroughKoa(context, capture, answer, once.onError);
    const isRun = await new Promise<boolean>((resolve, reject) => {
      const begin = (execution: NodeExecution<Transaction>): Promise<void> => {
        context.state.once = execution;
        resolve(true);
        return handlerEnd.promise;
      };
      runMiddleware(call, begin, (error) => (error === undefined ? resolve(false) : reject(error)), send);
    });
    if (!isRun) return;
    try {
      await next();
      handlerEnd.resolve();
    } catch (error) {
      recordNoEffect(context.res, error);
      // Koa or middleware in front makes a response of an error that it threw before it responded.
      if (context.res.headersSent) handlerEnd.reject(error);
      else handlerEnd.resolve();
      throw error;
    }
  };
  return Object.assign(middleware, { policy: once.policy, close: () => closeRoute(once) });
}

/** The part of Koa's context by which a response is sent. */
interface AnsweringContext {
  res: ServerResponse;
  status: number;
  body: unknown;
  respond?: boolean | undefined;
}

/** Headers that say what the bytes are. */
const ofBytes: ReadonlySet<string> = new Set(["content-type", "content-encoding"]);

/**
 * Answers by what Koa takes for the answer, so that middleware in front does after us what it always does: it may save
 * a session, set headers, count. What goes out when Koa ends the response are the status and the bytes of the answer,
 * with the headers as they are by then; a status that middleware in front changed stays.
 */
function sendThroughKoa(
  context: AnsweringContext,
  capture: ResponseCapture,
  answer: HttpResponse,
  onError: (error: unknown) => void,
): unknown {
  const { status, headers, removed = [], body } = answer;
  // Koa will not end the response: middleware in front has taken it over.
  if (context.respond === false) return capture.send(answer);
  const send = (response: HttpResponse): void => {
    const fault = capture.send(response);
    if (fault !== undefined) onError(fault);
  };
  // By the next tick, Koa has ended its own part.
  capture.begin(
    {
      responded: (given) => process.nextTick(send, given.status === status ? withBytesOf(answer, given) : given),
      failed: () => process.nextTick(send, answer),
    },
    true,
  );
  const { res } = context;
  context.status = status;
  context.body = body.length === 0 ? null : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  context.status = status;
  res.removeHeader("content-type");
  for (const name of removed) res.removeHeader(name);
  for (const [name] of headers) res.removeHeader(name);
  for (const [name, value] of headers) res.appendHeader(name, value);
  return undefined;
}

function withBytesOf(answer: HttpResponse, given: HttpResponse): HttpResponse {
  const isOfBytes = ([name]: readonly [string, string]): boolean => ofBytes.has(name.toLowerCase());
  const headers = [...given.headers.filter((header) => !isOfBytes(header)), ...answer.headers.filter(isOfBytes)];
  return { ...given, status: answer.status, headers, body: answer.body, isLengthHidden: answer.isLengthHidden };
}
