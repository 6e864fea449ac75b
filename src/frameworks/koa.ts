import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type HttpOptions,
  type IdempotencyPolicy,
  type LeasedHttpOptions,
  onceHttp,
  type TransactionalHttpOptions,
} from "../server/index.ts";
import { enter, type NodeCall, type NodeExecution, noteError, passingExecution } from "./node-operation.ts";
import { type ParsedRequest, requestBytes } from "./request-bytes.ts";

/** What is used of Koa's context: handlers find their operation in its `state`. */
export interface KoaContext {
  req: IncomingMessage;
  res: ServerResponse;
  originalUrl: string;
  get: (field: string) => string;
  request: ParsedRequest;
  state: { once?: unknown };
  status: number;
  respond?: boolean | undefined;
  onerror: (error: Error) => void;
}

/** Koa middleware that runs each operation of the middleware behind it once. */
export interface OnceKoa<Context> {
  (context: Context, next: () => Promise<unknown>): Promise<void>;
  /** What the route says of itself: serve it as JSON where callers may look it up. */
  readonly policy: IdempotencyPolicy;
  /** Takes no new operations, and resolves when the running ones have ended and are kept. */
  close(): Promise<void>;
}

/**
 * Middleware for Koa 3, in front of a route's handler: each operation that carries an `Idempotency-Key` happens once,
 * and every repeat gets the first answer. A caller that hangs up does not end its operation. The handler finds its
 * operation in `ctx.state.once`, a `NodeExecution`.
 *
 * The answer is what Koa sends in the end, after all middleware: what those in front do to a body or an error is kept
 * with it. Repeats go out as they were kept, past Koa (`ctx.respond = false`).
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 */
export function onceKoa<Context extends KoaContext>(options: LeasedHttpOptions<Context>): OnceKoa<Context>;
export function onceKoa<Context extends KoaContext, Transaction>(
  options: TransactionalHttpOptions<Context, Transaction>,
): OnceKoa<Context>;
export function onceKoa<Context extends KoaContext, Transaction>(
  options: HttpOptions<Context, Transaction>,
): OnceKoa<Context> {
  const once = onceHttp(options);

  const middleware = async (context: Context, next: () => Promise<unknown>): Promise<void> => {
    const call: NodeCall<Context, Transaction> = {
      once,
      incoming: context.req,
      response: context.res,
      native: context,
      url: context.originalUrl,
      body: (bytesMax) => requestBytes(context.req, context.request, bytesMax),
    };
    const begin = (execution: NodeExecution<Transaction>): void => void (context.state.once = execution);
    const passing = passingExecution(call);
    if (passing === undefined) outliveCaller(context);
    else begin(passing);
    if (passing === undefined && !(await enter(call, begin))) {
      context.respond = false;
      return;
    }
    try {
      await next();
    } catch (error) {
      noteError(context.res, error);
      throw error;
    }
  };
  return Object.assign(middleware, { policy: once.policy, close: () => once.close() });
}

/**
 * Koa answers with 500 when the connection breaks while the handler still runs. That would be kept as the answer of an
 * operation that goes on (and roll its transaction back under it).
 */
function outliveCaller(context: KoaContext): void {
  const answerError = context.onerror.bind(context);
  const { socket } = context.req;
  const onerror = (error: Error): void => {
    if (error !== socket.errored) answerError(error);
  };
  Object.assign(context, { onerror });
}
