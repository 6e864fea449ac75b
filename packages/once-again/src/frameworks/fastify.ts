/**
 * A plugin for Fastify: a handler runs once for each key.
 *
 * @module
 */
import "../core/check-platform.ts";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { onceHttp } from "../http/index.ts";
import type { HttpOptions } from "../http/http-options.ts";
import type { OnceRoute } from "../http/handle-request.ts";
import { recordNoEffect } from "./capture/response-capture.ts";
import { refuseCall, refuseHandler, wrongPlaceError } from "./errors.ts";
import { type FastifyReply, runFastifyMiddleware } from "./run-fastify-middleware.ts";
import {
  closeRoute,
  messagesError,
  NodeCall,
  type NodeExecution,
  nodePassingExecution,
  type ReadBody,
} from "./node-adapter.ts";
import { requestBytes, tapBody } from "./read-body.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The operation of a route of `onceFastify`. In transactional mode, name it: `NodeExecution<Transaction>`. */
    once: NodeExecution<never>;
  }
}

/** The part of Fastify's request that we use: handlers find their operation in it. */
export interface FastifyRequest {
  raw: IncomingMessage;
  headers: IncomingHttpHeaders;
  originalUrl: string;
  once?: NodeExecution<never>;
}

/** The options of a route of Fastify that runs each of its operations once. */
export interface OnceFastify extends OnceRoute {
  readonly onRequest: (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void;
  readonly preParsing: <Payload>(
    request: FastifyRequest,
    reply: FastifyReply,
    payload: Payload,
    done: (error: null, payload: Payload | Readable) => void,
  ) => void;
  readonly preHandler: (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void;
  readonly onError: (request: FastifyRequest, reply: FastifyReply, error: Error, done: () => void) => void;
}

/** The body that `onRequest` read. A second mount must find it, or it would report a consumed body instead of the double mount. */
const bodies = new WeakMap<IncomingMessage, Promise<Uint8Array<ArrayBuffer>>>();

const readBody: ReadBody<FastifyRequest> = ({ raw }, bytesMax) => bodies.get(raw) ?? requestBytes(raw, {}, bytesMax);

/**
 * The options of a route of Fastify 5, `app.post("/orders", onceFastify(options), handler)`: each operation that carries
 * an `Idempotency-Key` happens once, and every repeat gets the first answer. A caller that hangs up does not end its
 * operation. The handler finds its operation in `request.once`, a `NodeExecution`.
 *
 * The key is claimed in `preHandler`, after what hooks and schema refuse; the answer is what Fastify sends in the end,
 * after all `onSend` hooks. Replays are sent as they were stored, past Fastify (`reply.hijack()`).
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 * @example
 * ```ts
 * app.post("/orders", onceFastify({ store, scope: ({ headers }) => accountOf(headers.authorization) }), async (request, reply) => {
 *   return reply.code(201).send(await createOrder(request.once.key));
 * });
 * ```
 */
export function onceFastify<Request extends FastifyRequest, Transaction = undefined>(
  options: HttpOptions<Request, Transaction>,
  ...others: unknown[]
): OnceFastify {
  refuseHandler("onceFastify", others, "app.post(path, onceFastify(options), handler)");
  const once = onceHttp(options);

  /** Has a request answered. @param run is called when the handler is to run. */
  const answer = (request: FastifyRequest, reply: FastifyReply, run: (error?: Error) => void): void => {
    const { raw, originalUrl } = request;
    const messages = { incoming: raw, response: reply.raw };
    const call = new NodeCall(once, messages, request as Request, originalUrl, readBody);
    const begin = (execution: NodeExecution<Transaction>): void => {
      request.once = execution as NodeExecution<unknown> as NodeExecution<never>;
      run();
    };
    const passing = nodePassingExecution(call);
    if (passing !== undefined) return begin(passing);
    runFastifyMiddleware(call, reply, begin, (error) => {
      if (error !== undefined) run(error);
    });
  };

  /** Refuses a call by what is not Fastify. @returns whether it was. */
  const isRefused = (...args: unknown[]): boolean => {
    const [request, reply, proceed] = args as [FastifyRequest?, FastifyReply?, unknown?];
    const isFastify = typeof proceed === "function" && typeof reply?.hijack === "function";
    if (isFastify && messagesError("onceFastify", request?.raw, reply.raw) === undefined) return false;
    refuseCall(wrongPlaceError("onceFastify", "a request and a reply of Fastify's"), args, once.onError);
    return true;
  };

  return {
    policy: once.policy,
    // Fastify parses the body before preHandler, and keeps none of its bytes.
    onRequest(request, reply, proceed) {
      if (isRefused(request, reply, proceed)) return;
      const { raw } = request;
      if (once.passing(raw.method ?? "") !== undefined || tapBody(raw, once.bodyBytesMax)) return proceed();
      // A hook in front of us waited, and the body is here already.
      const body = bodies.get(raw) ?? (async () => requestBytes(raw, {}, once.bodyBytesMax))();
      bodies.set(raw, body);
      body.then(
        () => proceed(),
        () => answer(request, reply, proceed),
      );
    },
    // Of an empty body the end may be over, for which Fastify's parser would wait.
    preParsing: (request, _reply, payload, done) => done(null, request.raw.readableEnded ? Readable.from([]) : payload),
    preHandler(request, reply, proceed) {
      if (!isRefused(request, reply, proceed)) answer(request, reply, proceed);
    },
    // It ends in the same turn: a handler that answers while hooks of errors run is an unhandled rejection of Fastify's.
    onError(_request, reply, error, done) {
      recordNoEffect(reply.raw, error);
      done();
    },
    close: () => closeRoute(once),
  };
}
