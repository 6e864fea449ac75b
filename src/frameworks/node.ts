import type { IncomingMessage, ServerResponse } from "node:http";
import { keyHeaderName } from "../key/index.ts";
import {
  type Execution,
  type HttpOptions,
  type HttpRequest,
  type LeasedHttpOptions,
  onceHttp,
  type TransactionalHttpOptions,
} from "../server/index.ts";
import { captureResponse } from "./capture-response.ts";
import { bodyTooLarge, readBytes } from "./read-bytes.ts";

/** What a handler of node:http is told of its operation. */
export interface NodeExecution<Transaction = undefined> extends Execution<Transaction> {
  /** The request's body, read already; empty for a request that passes through, whose stream is still unread. */
  readonly body: Buffer;
}

/**
 * A handler of node:http. It answers by `response.end`, at once or later, and its operation ends there: nothing is
 * sent before the answer is kept.
 */
export type NodeHandler<Transaction = undefined> = (
  request: IncomingMessage,
  response: ServerResponse,
  execution: NodeExecution<Transaction>,
) => void | Promise<void>;

/** A request listener that runs each operation once. */
export interface OnceNode {
  (request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Takes no new operations, and resolves when the running ones have ended and are kept. */
  close(): Promise<void>;
}

/**
 * Wraps a handler of node:http, so that each operation that carries an `Idempotency-Key` happens once, and every
 * repeat gets the first answer. A caller that hangs up does not end its operation.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. The listener itself never rejects, except with what
 *   a handler throws at a request that passes through.
 */
export function onceNode(options: LeasedHttpOptions<IncomingMessage>, handler: NodeHandler): OnceNode;
export function onceNode<Transaction>(
  options: TransactionalHttpOptions<IncomingMessage, Transaction>,
  handler: NodeHandler<Transaction>,
): OnceNode;
export function onceNode<Transaction>(
  options: HttpOptions<IncomingMessage, Transaction>,
  handler: NodeHandler<Transaction>,
): OnceNode {
  const once = onceHttp(options);

  const listen = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const passing = once.passing(request.method ?? "");
    if (passing !== undefined) return handler(request, response, { ...passing, body: Buffer.alloc(0) });
    const captured = captureResponse(response, once.resultBytesMax);
    const answer = await once.answer(httpRequest(request), async (execution, body) => {
      const handled = Promise.resolve(handler(request, response, { ...execution, body: Buffer.from(body.buffer) }));
      // A handler that returns may still answer later, as the callback style does; one that throws will not.
      return Promise.race([captured.answer, handled.then(() => captured.answer)]);
    });
    if (!request.complete) {
      // Refused before all of it was read: let the rest go by, and don't wait for more on this connection.
      response.shouldKeepAlive = false;
      request.resume();
    }
    captured.send(answer);
  };
  return Object.assign(listen, { close: () => once.close() });
}

function httpRequest(request: IncomingMessage): HttpRequest<IncomingMessage> {
  const { method = "", url = "/", headers, headersDistinct } = request;
  const queryStart = url.indexOf("?");
  return {
    native: request,
    method,
    path: queryStart < 0 ? url : url.slice(0, queryStart),
    query: queryStart < 0 ? "" : url.slice(queryStart),
    contentType: headers["content-type"] ?? "",
    keyValues: headersDistinct[keyHeaderName.toLowerCase()] ?? [],
    body: (bytesMax) => readBytes(request.iterator({ destroyOnReturn: false }), bytesMax, bodyTooLarge),
  };
}
