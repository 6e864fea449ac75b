import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type HttpOptions,
  type LeasedHttpOptions,
  onceHttp,
  type OnceRoute,
  type TransactionalHttpOptions,
} from "../http/index.ts";
import { sendThroughKoa } from "./koa-response.ts";
import { recordNoEffect } from "./capture/response-capture.ts";
import {
  closeRoute,
  checkMessages,
  NodeCall,
  type NodeExecution,
  nodePassingExecution,
  type ReadBody,
} from "./node-adapter.ts";
import { runMiddleware, type SendResponse } from "./node-run.ts";
import { type ParsedRequest, requestBytes } from "./request-bytes.ts";
import { refuseHandler } from "./refuse-handler.ts";

/** What is used of Koa's context: handlers find their operation in its `state`. */
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
 * The answer is what Koa sends in the end, after all middleware: what those in front do to a body or an error is kept
 * with it. Middleware in front runs for repeats, too: what it sets of headers is in them, and their status and body are
 * those that were kept.
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
export function onceKoa<Context extends KoaContext>(options: LeasedHttpOptions<Context>): OnceKoa<Context>;
export function onceKoa<Context extends KoaContext, Transaction>(
  options: TransactionalHttpOptions<Context, Transaction>,
): OnceKoa<Context>;
export function onceKoa<Context extends KoaContext, Transaction>(
  options: HttpOptions<Context, Transaction>,
  ...others: unknown[]
): OnceKoa<Context> {
  refuseHandler("onceKoa", others, "router.post(path, onceKoa(options), handler)");
  const once = onceHttp(options);

  const middleware = async (context: Context, next: () => Promise<unknown>): Promise<void> => {
    checkMessages("onceKoa", context.req, context.res);
    const messages = { incoming: context.req, response: context.res };
    const call = new NodeCall(once, messages, context, context.originalUrl, readBody);
    const passing = nodePassingExecution(call);
    if (passing !== undefined) {
      context.state.once = passing;
      await next();
      return;
    }
    const handled = Promise.withResolvers<void>();
    const send: SendResponse = (capture, answer) => sendThroughKoa(context, capture, answer, once.onError);
    const isRun = await new Promise<boolean>((resolve, reject) => {
      const begin = (execution: NodeExecution<Transaction>): Promise<void> => {
        context.state.once = execution;
        resolve(true);
        return handled.promise;
      };
      runMiddleware(call, begin, (error) => (error === undefined ? resolve(false) : reject(error)), send);
    });
    if (!isRun) return;
    try {
      await next();
      handled.resolve();
    } catch (error) {
      recordNoEffect(context.res, error);
      // What it threw before it answered, Koa or a middleware in front makes an answer of.
      if (context.res.headersSent) handled.reject(error);
      else handled.resolve();
      throw error;
    }
  };
  return Object.assign(middleware, { policy: once.policy, close: () => closeRoute(once) });
}
