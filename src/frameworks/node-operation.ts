import type { IncomingMessage, ServerResponse } from "node:http";
import { OnceAgainError } from "../core/errors.ts";
import { keyHeaderName } from "../key/index.ts";
import { type Execution, type HttpRequest, NoEffectError, type OnceHttp } from "../server/index.ts";
import { captureResponse } from "./capture-response.ts";
import { hearBody } from "./heard-body.ts";
import { undone } from "./undone.ts";

/** What a handler on Node's HTTP is told of its operation. */
export interface NodeExecution<Transaction = undefined> extends Execution<Transaction> {
  /** The request's body, read already; empty for a request that passes through, whose stream is still unread. */
  readonly body: Buffer;
}

/** One request on Node's HTTP, and the rules of its route. */
export interface NodeCall<Native, Transaction> {
  readonly once: OnceHttp<Native, Transaction>;
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  /** The framework's own request, for `scope`. */
  readonly native: Native;
  /** The request's target as it was sent, with every mount point. */
  readonly url: string;
  body(bytesMax: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** What the errors are that said that nothing happened, of operations whose answer a framework makes. */
const noEffects = new WeakMap<ServerResponse, OnceAgainError>();

/** Notes what a handler threw, for a framework that turns errors into answers of its own. */
export function noteError(response: ServerResponse, error: unknown): void {
  if (OnceAgainError.isInstance(error, "ONCE_NO_EFFECT")) noEffects.set(response, error);
}

/**
 * What a handler is told of a request that passes through, whose answer says what the route asks for all the same;
 * `undefined` for every other request.
 */
export function passingExecution<Native, Transaction>({
  once,
  incoming,
  response,
}: NodeCall<Native, Transaction>): NodeExecution<Transaction> | undefined {
  const passing = once.passing(incoming.method ?? "");
  if (passing === undefined) return undefined;
  response.setHeader(...once.policyHeader);
  return { ...passing, body: Buffer.alloc(0) };
}

/** Answers a request by what `handle` does to its response, or by what is known of its key. */
export async function answerByCapture<Native, Transaction>(
  call: NodeCall<Native, Transaction>,
  handle: (execution: NodeExecution<Transaction>) => void | Promise<void>,
): Promise<void> {
  const { once, incoming, response } = call;
  hearBody(incoming, once.bodyBytesMax);
  const capture = captureResponse(response, once.resultBytesMax);
  const answer = await once.answer(httpRequest(call), async (execution, body) => {
    const captured = capture.begin();
    const handled = handle({ ...execution, body: Buffer.from(body.buffer, body.byteOffset, body.byteLength) });
    // A handler that returns may still answer later, as the callback style does; one that throws will not.
    if (handled !== undefined) await Promise.race([captured, handled]);
    const answer = await captured;
    const noEffect = noEffects.get(response);
    if (noEffect !== undefined) throw noEffect;
    return answer;
  });
  // Refused before all of it was read? Let the rest go by: a connection that is closed under a caller who still sends
  // is reset, and the answer lost with it. The server's requestTimeout bounds how long that takes.
  if (!incoming.complete) incoming.resume();
  capture.send(answer);
}

/**
 * The same for middleware, whose handler is whatever the framework runs next.
 *
 * @param begin is told of the operation, right before its handler may run.
 * @returns `true` when the handler is to run: what it writes to the response is the answer. `false` when the request
 *   was answered without it.
 */
export function enter<Native, Transaction>(
  call: NodeCall<Native, Transaction>,
  begin: (execution: NodeExecution<Transaction>) => void,
): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  let hasBegun = false;
  answerByCapture(call, (execution) => {
    if (hasBegun) throw undone();
    hasBegun = true;
    // A parser behind us would find half a body, and its complaint would be kept as the answer.
    if (call.incoming.destroyed && !call.incoming.readableEnded) {
      throw new NoEffectError("The caller hung up before the operation began. Nothing happened.");
    }
    begin(execution);
    resolve(true);
  }).then(() => resolve(false), reject);
  return promise;
}

function httpRequest<Native, Transaction>(call: NodeCall<Native, Transaction>): HttpRequest<Native> {
  const { incoming, native, url } = call;
  const queryStart = url.indexOf("?");
  return {
    native,
    method: incoming.method ?? "",
    path: queryStart < 0 ? url : url.slice(0, queryStart),
    query: queryStart < 0 ? "" : url.slice(queryStart),
    contentType: incoming.headers["content-type"] ?? "",
    keyValues: headerValues(incoming, keyHeaderName.toLowerCase()),
    body: (bytesMax) => call.body(bytesMax),
  };
}

/** Each value of one header as it came. Node's `headersDistinct` would gather those of all the others, too. */
function headerValues({ rawHeaders }: IncomingMessage, lowerCaseName: string): string[] {
  const values: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name, value] = [rawHeaders[at], rawHeaders[at + 1]];
    if (name?.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) values.push(value ?? "");
  }
  return values;
}
