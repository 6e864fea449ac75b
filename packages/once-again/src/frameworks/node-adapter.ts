import type { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { setImmediate } from "node:timers";
import type { Awaitable } from "../core/awaitable.ts";
import { OnceAgainError } from "../core/errors.ts";
import { ownGetters } from "../core/own-getters.ts";
import { type Execution, NoEffectError } from "../engine/index.ts";
import { executionNames } from "../engine/execution.ts";
import type { HttpHandler, HttpRequest, HttpResponse, OnceHttp, OnceRoute } from "../http/index.ts";
import { failRun, ResponseCapture } from "./capture/response-capture.ts";
import { tapBody } from "./body-tap.ts";
import { beginPassage, refuseNested } from "./mounted-twice.ts";
import { isAnswered } from "./capture/send-response.ts";
import { conflictError, mountedTwiceError } from "./errors.ts";

/** What a handler on Node's HTTP is told of its operation. */
export interface NodeExecution<Transaction = undefined> extends Execution<Transaction> {
  /** The request's body, read already; empty for a request that passes through, whose stream is still unread. */
  readonly body: Buffer;
}

const ofUsers = ownGetters<NodeExecution<never>>([...executionNames, "event", "body"]);
const noBytes = new Uint8Array();

/** What a handler on Node's HTTP is told, which it may spread. */
function nodeExecution<Transaction>(
  execution: Execution<Transaction>,
  { buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>,
): NodeExecution<Transaction> {
  const given = execution as Execution<Transaction> & { body: Buffer };
  given.body = Buffer.from(buffer, byteOffset, byteLength);
  return new Proxy(given, ofUsers);
}

/** Reads the body of a framework's request. */
export type ReadBody<Native> = (native: Native, bytesMax: number) => Awaitable<Uint8Array<ArrayBuffer>>;

/** One request on Node's HTTP, and the rules of its route. It is the request as these see it, too. */
export class NodeCall<Native, Transaction> implements HttpRequest<Native> {
  readonly once: OnceHttp<Native, Transaction>;
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  readonly native: Native;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly contentType: string;
  readonly #readBody: ReadBody<Native>;

  /**
   * @param native the framework's own request, for `scope`.
   * @param url the request's target as it was sent, with every mount point.
   */
  constructor(
    once: OnceHttp<Native, Transaction>,
    { incoming, response }: { incoming: IncomingMessage; response: ServerResponse },
    native: Native,
    url: string,
    readBody: ReadBody<Native>,
  ) {
    const queryStart = url.indexOf("?");
    this.once = once;
    this.incoming = incoming;
    this.response = response;
    this.native = native;
    this.method = incoming.method ?? "";
    this.path = queryStart < 0 ? url : url.slice(0, queryStart);
    this.query = queryStart < 0 ? "" : url.slice(queryStart);
    this.contentType = incoming.headers["content-type"] ?? "";
    this.#readBody = readBody;
  }

  headerValues(lowerCaseName: string): string[] {
    return headerValues(this.incoming, lowerCaseName);
  }

  body(bytesMax: number): Awaitable<Uint8Array<ArrayBuffer>> {
    return this.#readBody(this.native, bytesMax);
  }
}

/** How an answer goes out that no run of the handler made. */
export type SendResponse = (capture: ResponseCapture, answer: HttpResponse) => unknown;

/**
 * The execution of a request that passes through; `undefined` for every other request. Its response carries the route's
 * policy, unless the request was skipped.
 */
export function nodePassingExecution<Native, Transaction>({
  once,
  incoming,
  response,
  native,
}: NodeCall<Native, Transaction>): NodeExecution<Transaction> | undefined {
  const { method = "" } = incoming;
  const passing = once.passing(method, native);
  if (passing === undefined) return undefined;
  if (!once.takesKey(method)) response.setHeader(...once.policyHeader);
  return nodeExecution(passing, noBytes);
}

/**
 * Answers a request by what `handle` does to its response, or by what is known of its key. Its promise never rejects, but
 * for a framework that can't send the answer.
 *
 * @param handle may return a promise of the handler's end. An answer counts when its handler has ended: until then it
 *   may fail, and a handler that failed after it answered has failed.
 * @throws TypeError for what is no request of Node's.
 */
export function answerNodeRequest<Native, Transaction>(
  call: NodeCall<Native, Transaction>,
  handle: (execution: NodeExecution<Transaction>) => void | Promise<void>,
  send: SendResponse = sendCaptured,
): Promise<void> {
  const { once, incoming, response } = call;
  // It is not ended: a request of Node's comes but once, and what its handler does late is still about it.
  const passage = beginPassage(incoming);
  tapBody(incoming, once.bodyBytesMax);
  const capture = new ResponseCapture(response, incoming, once.resultBytesMax);
  if (passage === undefined) return refuseSecondMount(call, capture);
  const handler: HttpHandler<Transaction> = async (execution, body) => {
    if (!capture.hasBegun && isAnswered(response)) {
      throw new NoEffectError("Somebody else answered before the operation began. Nothing happened.");
    }
    const captured = capture.begin();
    try {
      const handled = handle(nodeExecution(execution, body));
      // A handler that returns may still answer later, as the callback style does; one that throws will not.
      return handled === undefined ? await captured : (await Promise.all([captured, handled]))[0];
    } finally {
      capture.endHandling();
      refuseNested(passage);
    }
  };
  // Who made a request up, as for Lambda, may listen to the end of its answer only after a while.
  const ask = (): Promise<HttpResponse> => once.answer(call, handler);
  const answering = isMadeUp(incoming) ? nextTurn().then(ask) : ask();
  // Answers of one turn of the event loop go out together. One by one, among the work of others, each would wake its
  // caller by itself, which takes longer than all the rest of a repeat.
  return answering.then((answer) => nextTurn().then(() => sendAnswer(call, capture, answer, send)));
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Whether no connection brought it. */
function isMadeUp(incoming: IncomingMessage): boolean {
  return !(incoming.socket instanceof Socket);
}

async function refuseSecondMount<Native, Transaction>(
  { once, response }: NodeCall<Native, Transaction>,
  capture: ResponseCapture,
): Promise<void> {
  const error = mountedTwiceError();
  const refusal = once.refuse(error);
  // The first one frees its key, and answers.
  if (!failRun(response, error)) capture.send(refusal);
}

function sendAnswer<Native, Transaction>(
  { once, incoming }: NodeCall<Native, Transaction>,
  capture: ResponseCapture,
  answer: HttpResponse,
  send: SendResponse,
): void {
  // Refused before all of it was read? Let the rest go by: a connection that is closed under a caller who still sends
  // is reset, and the answer lost with it. The server's requestTimeout bounds how long that takes.
  if (!incoming.complete) incoming.resume();
  const fault = capture.hasBegun ? capture.send(answer) : send(capture, answer);
  if (fault !== undefined) once.onError(fault);
}

function sendCaptured(capture: ResponseCapture, answer: HttpResponse): unknown {
  return capture.send(answer);
}

/**
 * The same for middleware, whose handler is whatever the framework runs next.
 *
 * @param begin runs the handler: what it writes to the response is the answer. Where it can see the handler's end, it returns a
 *   promise of it.
 * @param answered is called when the request was answered without the handler; with an error for what is no request of
 *   Node's.
 */
export function runMiddleware<Native, Transaction>(
  call: NodeCall<Native, Transaction>,
  begin: (execution: NodeExecution<Transaction>) => void | Promise<void>,
  answered: (error?: Error) => void,
  send?: SendResponse,
): void {
  let hasBegun = false;
  const handle = (execution: NodeExecution<Transaction>): void | Promise<void> => {
    if (hasBegun) throw conflictError();
    // A parser behind us would find half a body, and its complaint would be kept as the answer.
    if (call.incoming.destroyed && !call.incoming.readableEnded) {
      throw new NoEffectError("The caller hung up before the operation began. Nothing happened.");
    }
    hasBegun = true;
    return begin(execution);
  };
  try {
    answerNodeRequest(call, handle, send).then(() => {
      if (!hasBegun) answered();
    }, answered);
  } catch (error) {
    answered(error as Error);
  }
}

/** Closes a route. Answers that are known by then go out before it resolves, unless middleware in front holds them back. */
export async function closeRoute(once: Pick<OnceRoute, "close">): Promise<void> {
  await once.close();
  // Those of this turn go out in the next one, maybe behind us.
  await nextTurn();
  await nextTurn();
}

/** Headers of which Node joins repeated ones by commas: where there is none, there was but one. */
const joinsRepeated = /^(?:idempotency-key$|x-)/;

/**
 * Each value of one header as it came. Node's `headersDistinct` would gather those of all the others, too. A request
 * that an adapter made up, as for Lambda, may have no `rawHeaders`.
 */
function headerValues(incoming: IncomingMessage, lowerCaseName: string): string[] {
  const { rawHeaders = [], headers } = incoming as Partial<IncomingMessage>;
  const joined = joinsRepeated.test(lowerCaseName) ? headers?.[lowerCaseName] : undefined;
  if (typeof joined === "string" && !joined.includes(",")) return [joined];
  const values: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name, value] = [rawHeaders[at], rawHeaders[at + 1]];
    if (name?.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) values.push(value ?? "");
  }
  return values.length > 0 ? values : [headers?.[lowerCaseName] ?? []].flat();
}

/**
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no request and response of Node's: an adapter of one
 *   framework behind another.
 */
export function checkMessages(adapter: string, request: unknown, response: unknown): void {
  const [{ headers } = {}, { end } = {}] = [request, response] as [{ headers?: unknown }?, { end?: unknown }?];
  if (typeof headers === "object" && typeof end === "function") return;
  throw new OnceAgainError(
    "ONCE_OPTION_INVALID",
    `${adapter} was called without a request and a response of Node's HTTP. See which adapter your framework takes: ` +
      "docs/guides/frameworks.md.",
  );
}
