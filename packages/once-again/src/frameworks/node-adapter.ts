import type { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { setImmediate } from "node:timers";
import { type Awaitable, isPromise } from "../core/awaitable.ts";
import type { OnceAgainError } from "../core/errors.ts";
import { ownGetters } from "../core/spreadable.ts";
import { executionNames } from "../engine/execution.ts";
import { type Execution, NoEffectError } from "../engine/index.ts";
import type { HttpRequest, HttpResponse, OnceHttp } from "../http/index.ts";
import { HttpAttempt, type OnceRoute } from "../http/handle-request.ts";
import { failRun, ResponseCapture, type RunListener } from "./capture/response-capture.ts";
import { isAnswered } from "./capture/send-response.ts";
import { markMount, type MountMark } from "./double-mount.ts";
import { conflictError, mountedTwiceError, wrongPlaceError } from "./errors.ts";
import { tapBody } from "./read-body.ts";

/** The operation as its handler on Node's HTTP sees it. */
export interface NodeExecution<Transaction = undefined> extends Execution<Transaction> {
  /** The request's body, read already. Empty for a request that passes through: its stream is still unread. */
  readonly body: Buffer;
}

const ofUsers = ownGetters<NodeExecution<never>>([...executionNames, "event", "body"]);
const noBytes = new Uint8Array();

/** The same as an object that a handler may spread. */
export function nodeExecution<Transaction>(
  execution: Execution<Transaction>,
  { buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>,
): NodeExecution<Transaction> {
  const withBody = execution as Execution<Transaction> & { body: Buffer };
  withBody.body = Buffer.from(buffer, byteOffset, byteLength);
  return new Proxy(withBody, ofUsers);
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

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Routes that end the connections of their callers. */
const endingRoutes = new WeakSet<Pick<OnceRoute, "close">>();

/** From now on the responses of a route end the connections that they go out on, so that Node's server can close. */
export function endConnections(once: Pick<OnceRoute, "close">): void {
  endingRoutes.add(once);
}

/** Closes a route. Answers that are known by then go out before it resolves, unless middleware in front holds them back. */
export async function closeRoute(once: Pick<OnceRoute, "close">): Promise<void> {
  endConnections(once);
  await once.close();
  // Those of this turn go out in the next one, maybe behind us.
  await nextTurn();
  await nextTurn();
}

/** Headers that Node joins by commas when they are repeated: a value without a comma came once. */
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

/** The error for what is no request and response of Node's, as of an adapter of one framework behind another. */
export function messagesError(adapter: string, request: unknown, response: unknown): OnceAgainError | undefined {
  const [{ headers } = {}, { end } = {}] = [request ?? {}, response ?? {}] as { headers?: unknown; end?: unknown }[];
  if (typeof headers === "object" && typeof end === "function") return undefined;
  return wrongPlaceError(adapter, "a request and a response of Node's HTTP");
}

/**
 * Runs a handler. A response counts when the handler has ended: until then it may fail, and a handler that failed after it
 * responded has failed.
 *
 * @returns a promise of the handler's end, where it can be seen.
 */
export type Handle<Transaction> = (execution: NodeExecution<Transaction>) => void | Promise<void>;

/** How a response goes out that no run of the handler made. @returns the reason why it could not be sent. */
export type SendResponse = (capture: ResponseCapture, response: HttpResponse) => unknown;

const sendCaptured: SendResponse = (capture, response) => capture.send(response);

/**
 * One request on Node's HTTP: it is opened, its handler runs and writes to its response, the attempt is settled by that, and
 * the response goes out. Responses of one turn of the event loop are sent together: sent one by one, each wakes its client
 * separately, which costs more than the whole replay.
 */
export class NodeRun<Native, Transaction> implements RunListener {
  readonly #call: NodeCall<Native, Transaction>;
  readonly #capture: ResponseCapture;
  readonly #handle: Handle<Transaction>;
  readonly #send: SendResponse;
  readonly #whenSent: (error?: Error) => void;
  readonly #mountMark: MountMark | undefined;
  #attempt: HttpAttempt<Transaction> | undefined;
  #response: HttpResponse | undefined;
  /** Whether the handler is at work: its response counts when it has ended. */
  #isHandling = false;
  #hasEnded = false;
  #isResponding = false;

  /**
   * @param whenSent is called when the response went out; with an error for what is no request of Node's, and for a framework
   *   that can't send it.
   * @throws TypeError for what is no request of Node's.
   */
  constructor(
    call: NodeCall<Native, Transaction>,
    handle: Handle<Transaction>,
    whenSent: (error?: Error) => void,
    send: SendResponse = sendCaptured,
  ) {
    const { incoming, response, once } = call;
    // The caller comes back, and would come to this process again, on a connection that keeps Node's server open.
    if (endingRoutes.has(once)) response.shouldKeepAlive = false;
    this.#call = call;
    this.#handle = handle;
    this.#whenSent = whenSent;
    this.#send = send;
    // It is never cleared: late writes of this request's handler must still be recognised.
    this.#mountMark = markMount(incoming);
    tapBody(incoming, once.bodyBytesMax);
    this.#capture = new ResponseCapture(response, incoming, once.resultBytesMax);
  }

  start(): void {
    if (this.#mountMark === undefined) return this.#refuseSecondMount();
    // An adapter that makes a request up, as for Lambda, may attach listeners to the response only after a while.
    if (isMadeUp(this.#call.incoming)) setImmediate(() => this.#open());
    else this.#open();
  }

  #open(): void {
    const { once } = this.#call;
    void once.open(this.#call).then((opened) => {
      if (!(opened instanceof HttpAttempt)) return this.#respond(opened);
      this.#attempt = opened;
      opened.whenTimeIsOver((response) => this.#respond(response));
      opened.whenRunAgain(() => this.#begin());
      this.#begin();
    });
  }

  #begin(): void {
    this.#response = undefined;
    this.#hasEnded = false;
    const early = this.#attempt!.respondEarly();
    if (!isPromise(early)) return this.#runHandler();
    early.then(
      (response) => (response === undefined ? this.#runHandler() : this.#settle(response)),
      (error: unknown) => this.#fail(error),
    );
  }

  #runHandler(): void {
    const attempt = this.#attempt!;
    this.#isHandling = true;
    let result: unknown;
    try {
      if (!this.#capture.hasBegun && isAnswered(this.#call.response)) {
        throw new NoEffectError("The request was answered before the operation began. Nothing happened.");
      }
      this.#capture.begin(this);
      result = this.#handle(nodeExecution(attempt.execution, attempt.body));
    } catch (error) {
      return this.#fail(error);
    }
    // A handler that returns may still respond later, as the callback style does; one that throws will not.
    if (!isPromise(result)) this.#handlerEnded();
    else {
      result.then(
        () => this.#handlerEnded(),
        (error: unknown) => this.#fail(error),
      );
    }
  }

  responded(response: HttpResponse): void {
    this.#response = response;
    if (!this.#isHandling) this.#settle(response);
  }

  failed(error: unknown): void {
    this.#fail(error);
  }

  #handlerEnded(): void {
    this.#isHandling = false;
    if (this.#response !== undefined) this.#settle(this.#response);
  }

  #settle(response: HttpResponse): void {
    if (this.#mountMark?.isNested) return this.#fail(mountedTwiceError());
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#capture.endHandling();
    this.#respondWhenSettled(this.#attempt!.settle(response));
  }

  #fail(error: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#capture.endHandling();
    this.#respondWhenSettled(this.#attempt!.fail(this.#mountMark?.isNested ? mountedTwiceError() : error));
  }

  #respondWhenSettled(settling: ReturnType<HttpAttempt<Transaction>["settle"]>): void {
    if (isPromise(settling)) void settling.then((response) => this.#respond(response));
    else this.#respond(settling);
  }

  #respond(response: HttpResponse): void {
    if (this.#isResponding) return;
    this.#isResponding = true;
    setImmediate(sendInTurn<Native, Transaction>, this, response);
  }

  /** Sends the response; called once, in the turn after the one in which it was known. */
  static sendNow<AnyNative, AnyTransaction>(run: NodeRun<AnyNative, AnyTransaction>, response: HttpResponse): void {
    const { once, incoming } = run.#call;
    const capture = run.#capture;
    // Refused before all of the body was read? Let the rest go by: a connection that is closed under a caller who still
    // sends is reset, and the response is lost with it. The server's requestTimeout bounds how long that takes.
    if (!incoming.complete) incoming.resume();
    try {
      const fault = capture.hasBegun ? capture.send(response) : run.#send(capture, response);
      if (fault !== undefined) once.onError(fault);
    } catch (error) {
      return run.#whenSent(error as Error);
    }
    run.#whenSent();
  }

  #refuseSecondMount(): void {
    const { once, response } = this.#call;
    const error = mountedTwiceError();
    const refusal = once.refuse(error);
    // The first one frees its key, and responds.
    if (!failRun(response, error)) this.#capture.send(refusal);
    this.#whenSent();
  }
}

/** In a microtask: a caller that awaits the listener attaches its own listeners before Node's next tick emits "finish". */
function sendInTurn<Native, Transaction>(run: NodeRun<Native, Transaction>, response: HttpResponse): void {
  queueMicrotask(() => NodeRun.sendNow(run, response));
}

/** True for synthetic requests, which no connection brought. */
function isMadeUp(incoming: IncomingMessage): boolean {
  return !(incoming.socket instanceof Socket);
}

/** Responds to a request by what `handle` does to its response, or by what is known of its key; resolves when that went out. */
export function answerNodeRequest<Native, Transaction>(
  call: NodeCall<Native, Transaction>,
  handle: Handle<Transaction>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    new NodeRun(call, handle, (error) => (error === undefined ? resolve() : reject(error))).start();
  });
}

/**
 * The same for middleware: its handler is what the framework runs next.
 *
 * @param begin runs the handler: what it writes to the response counts.
 * @param answered is called when the request was answered without the handler; with an error for what is no request of
 *   Node's.
 */
export function runMiddleware<Native, Transaction>(
  call: NodeCall<Native, Transaction>,
  begin: Handle<Transaction>,
  answered: (error?: Error) => void,
  send?: SendResponse,
): void {
  let hasBegun = false;
  const handle: Handle<Transaction> = (execution) => {
    if (hasBegun) throw conflictError();
    // A parser behind us would find half a body, and its complaint would be stored as the response.
    if (call.incoming.destroyed && !call.incoming.readableEnded) {
      throw new NoEffectError("The caller hung up before the operation began. Nothing happened.");
    }
    hasBegun = true;
    return begin(execution);
  };
  const whenSent = (error?: Error): void => {
    if (error !== undefined || !hasBegun) answered(error);
  };
  try {
    new NodeRun(call, handle, whenSent, send).start();
  } catch (error) {
    answered(error as Error);
  }
}
