import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { onceHttp } from "../../http/index.ts";
import type { HttpOptions } from "../../http/http-options.ts";
import type { OnceRoute } from "../../http/handle-request.ts";
import { type FastifyReply, runFastifyMiddleware } from "../run-fastify-middleware.ts";
import { recordNoEffect } from "../capture/response-capture.ts";
import {
  closeRoute,
  messagesError,
  endConnections,
  NodeCall,
  type NodeExecution,
  nodePassingExecution,
  type ReadBody,
  runMiddleware,
} from "../node-adapter.ts";
import { type ParsedRequest, requestBytes } from "../read-body.ts";
import { refuseCall, refuseHandler, wrongPlaceError } from "../errors.ts";

/** The part of the request of Nest's platform, Express or Fastify, that we use: handlers find their operation in it. */
export interface NestRequest extends ParsedRequest {
  originalUrl: string;
  headers: IncomingHttpHeaders;
}

/** A symbol, since a request is an emitter and its `once` is taken. */
const operation = Symbol("operation");

interface OperationHolder {
  [operation]?: unknown;
}

/** The part of Nest's execution context that we use. */
export interface NestContext {
  switchToHttp: () => { getRequest: <Request>() => Request; getResponse: <Response>() => Response };
}

/** The part of an Observable that we use. */
export interface NestObservable {
  subscribe: (observer: {
    next: (value: unknown) => void;
    error: (error: unknown) => void;
    complete: () => void;
  }) => unknown;
}

/** An interceptor of Nest that runs each operation of its handlers once. */
export interface OnceNest extends OnceRoute {
  intercept<Handled extends NestObservable>(context: NestContext, next: { handle: () => Handled }): Promise<Handled>;
}

/**
 * An interceptor for Nest 12, on Express or Fastify: `@UseInterceptors(onceNest(options))` on a method or controller.
 * Each operation that carries an `Idempotency-Key` happens once, and every repeat gets the first answer. A caller that
 * hangs up does not end its operation. The handler finds its operation by `executionOf`.
 *
 * The key is claimed after guards and before pipes; the answer is what Nest sends in the end, your exception filters
 * included. Nest parses bodies first, so it must keep their bytes: `NestFactory.create(AppModule, { rawBody: true })`.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 * @example
 * ```ts
 * const once = onceNest({ store, scope: ({ headers }) => accountOf(headers.authorization) });
 *
 * @Controller("orders")
 * class OrdersController {
 *   @Post()
 *   @UseInterceptors(once)
 *   create(@Body() order: Order) {
 *     return createOrder(order);
 *   }
 * }
 * ```
 */
export function onceNest<Request extends NestRequest, Transaction = undefined>(
  options: HttpOptions<Request, Transaction>,
  ...others: unknown[]
): OnceNest {
  refuseHandler("onceNest", others, "@UseInterceptors(onceNest(options)) on the method");
  return openNest(options).nest;
}

/** An interceptor, and what only its module asks of it. */
export interface OpenedNest {
  readonly nest: OnceNest;
  /** From now on the responses of its route end the connections that they go out on. */
  endConnections(): void;
}

export function openNest<Request extends NestRequest, Transaction>(
  options: HttpOptions<Request, Transaction>,
): OpenedNest {
  const once = onceHttp(options);

  const intercept = async <Handled extends NestObservable>(
    context: NestContext,
    next: { handle: () => Handled },
    ...others: unknown[]
  ): Promise<Handled> => {
    if (typeof context?.switchToHttp !== "function") {
      refuseCall(wrongPlaceError("onceNest", "a context of Nest's"), [context, next, ...others], once.onError);
      return undefined as never;
    }
    const http = context.switchToHttp();
    const request = http.getRequest<Request & OperationHolder>();
    const reply = http.getResponse<ServerResponse | FastifyReply>();
    const [incoming, response] = [rawOf<IncomingMessage>(request), rawOf<ServerResponse>(reply)];
    const misuse = messagesError("onceNest", incoming, response);
    if (misuse !== undefined) throw misuse;
    const call = new NodeCall(once, { incoming, response }, request, request.originalUrl ?? incoming.url, readBody);
    const passing = nodePassingExecution(call);
    if (passing !== undefined) {
      request[operation] = passing;
      return next.handle();
    }
    const handlerEnd = Promise.withResolvers<void>();
    // Once the request is answered there is no end: whatever came out of here, Nest would send as a second answer.
    await new Promise<void>((resolve, reject) => {
      const begin = (execution: NodeExecution<Transaction>): Promise<void> => {
        request[operation] = execution;
        resolve();
        return handlerEnd.promise;
      };
      const onAnswered = (error?: Error): void => {
        if (error !== undefined) reject(error);
      };
      if ("hijack" in reply) runFastifyMiddleware(call, reply, begin, onAnswered);
      else runMiddleware(call, begin, onAnswered);
    });
    return runToEnd(next.handle(), {
      ended: handlerEnd.resolve,
      failed: (error) => {
        recordNoEffect(response, error);
        // Nest's exception filters make a response of an error that it threw before it responded.
        if (response.headersSent) handlerEnd.reject(error);
        else handlerEnd.resolve();
      },
      left: handlerEnd.reject,
    });
  };
  return {
    nest: { intercept, policy: once.policy, close: () => closeRoute(once) },
    endConnections: () => endConnections(once),
  };
}

/**
 * The operation of a request of Nest, for a parameter decorator of your own:
 * `createParamDecorator((_, context: ExecutionContext) => executionOf(context))`. In transactional mode, name the type
 * of the transaction.
 */
export function executionOf<Transaction = undefined>(context: NestContext): NodeExecution<Transaction> {
  return context.switchToHttp().getRequest<OperationHolder>()[operation] as NodeExecution<Transaction>;
}

const readBody: ReadBody<NestRequest> = (request, bytesMax) =>
  requestBytes(rawOf<IncomingMessage>(request), request, bytesMax);

/** Node's own request or response, which Fastify has in `raw`. A resolver of GraphQL has neither: it comes back as it is. */
function rawOf<Raw>(message: unknown): Raw {
  return (typeof message === "object" && message !== null && "raw" in message ? message.raw : message) as Raw;
}

interface HandlerEnd {
  ended: () => void;
  failed: (error: unknown) => void;
  /** It has ended, but an operator in front, such as `timeout`, had stopped waiting for it and has responded. */
  left: (error: Error) => void;
}

/** The same Observable, with its end observed. A subscriber that leaves does not end it. */
function runToEnd<Handled extends NestObservable>(source: Handled, handler: HandlerEnd): Handled {
  type Observer = Parameters<NestObservable["subscribe"]>[0];
  const subscribe = (observer: Observer): (() => void) => {
    let isLeft = false;
    let hasEnded = false;
    const leave = (): void => handler.left(new Error("The request was answered before the handler ended."));
    source.subscribe({
      next: (value) => observer.next(value),
      error: (error) => {
        hasEnded = true;
        if (isLeft) leave();
        else handler.failed(error);
        observer.error(error);
      },
      complete: () => {
        hasEnded = true;
        if (isLeft) leave();
        else handler.ended();
        observer.complete();
      },
    });
    return () => void (isLeft = !hasEnded);
  };
  return Reflect.construct(source.constructor, [subscribe]) as Handled;
}
