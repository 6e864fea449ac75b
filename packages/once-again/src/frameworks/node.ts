/**
 * Handlers of `node:http`: once for each key.
 *
 * @module
 */
import "../core/check-platform.ts";
import type { IncomingMessage, ServerResponse } from "node:http";
import { invalidOptionError } from "../core/options.ts";
import { onceHttp } from "../http/index.ts";
import type { HttpOptions } from "../http/http-options.ts";
import type { OnceRoute } from "../http/handle-request.ts";
import { sendFault } from "./capture/send-response.ts";
import {
  answerNodeRequest,
  closeRoute,
  messagesError,
  NodeCall,
  type NodeExecution,
  nodePassingExecution,
  type ReadBody,
} from "./node-adapter.ts";
import { refuseCall } from "./errors.ts";
import { type ParsedRequest, requestBytes } from "./read-body.ts";

export type { NodeExecution } from "./node-adapter.ts";

/**
 * A handler of node:http. It answers by `response.end`, at once or later, and nothing is sent before the response is stored.
 * Its operation ends when it has answered, and its promise, if it returns one, is settled: what it throws after it
 * answered decides. The body is in `execution.body`, and the request's stream is unread.
 */
export type NodeHandler<Transaction = undefined> = (
  request: IncomingMessage,
  response: ServerResponse,
  execution: NodeExecution<Transaction>,
) => void | Promise<void>;

const readBody: ReadBody<IncomingMessage & ParsedRequest> = (request, bytesMax) =>
  requestBytes(request, request, bytesMax);

/** A request listener that runs each operation once. */
export interface OnceNode extends OnceRoute {
  (request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/**
 * Wraps a handler of node:http, so that each operation that carries an `Idempotency-Key` happens once, and every
 * repeat gets the first answer. A caller that hangs up does not end its operation.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. The listener itself rejects only for what is no request
 *   of Node's: what a handler throws at a request that passes through goes to `onError`, and its caller gets a 500.
 * @example
 * ```ts
 * const orders = onceNode({ store, scope: (request) => accountOf(request) }, async (request, response, { body, key }) => {
 *   const order = await createOrder(JSON.parse(body.toString()), key);
 *   response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(order));
 * });
 * createServer((request, response) => void orders(request, response));
 * ```
 */
export function onceNode<Transaction = undefined>(
  options: HttpOptions<IncomingMessage, Transaction>,
  handler: NodeHandler<Transaction>,
): OnceNode {
  const once = onceHttp(options);
  if (typeof handler !== "function") throw invalidOptionError("handler", "a function", handler);

  const listen = async (
    request: IncomingMessage & ParsedRequest,
    response: ServerResponse,
    ...others: unknown[]
  ): Promise<void> => {
    const misuse = messagesError("onceNode", request, response);
    if (misuse !== undefined) return refuseCall(misuse, [request, response, ...others], once.onError);
    const messages = { incoming: request, response };
    const call = new NodeCall<IncomingMessage, Transaction>(once, messages, request, request.url ?? "/", readBody);
    const passing = nodePassingExecution(call);
    if (passing === undefined) return answerNodeRequest(call, (execution) => handler(request, response, execution));
    try {
      await handler(request, response, passing);
    } catch (error) {
      // Node has no error handler: a rejection would end the process, and leave the operations that run unknown.
      once.onError(error);
      sendFault(response);
    }
  };
  return Object.assign(listen, { policy: once.policy, close: () => closeRoute(once) });
}
