import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { OnceAgainError } from "../core/errors.ts";
import type { HttpResponse } from "../http/index.ts";
import { type Holder, holdConnection, releaseConnection } from "./connection-hold.ts";
import {
  copyOfHeaders,
  hasNoHeaders,
  headersOver,
  headersRemoved,
  type HeaderList,
  type HeadersArgument,
  headersToWrite,
  ofConnection,
  replaceHeaders,
  setHeaders,
  validateReason,
} from "./node-headers.ts";
import { headersSentError, lateMethods, methodsOf, type ResponseMethods, setMethods } from "./response-methods.ts";
import { type CapturedResponse, isAnswered, sendResponse } from "./send-response.ts";
import {
  hideHangUp,
  readState,
  restoreState,
  showEnded,
  showHead,
  type ResponseState,
  showUnwritten,
} from "./response-state.ts";
import { BodyBuffer } from "./body-buffer.ts";
import { resultTooLargeError } from "./errors.ts";

const taken = Symbol("taken over");

interface TakenResponse extends ServerResponse {
  [taken]?: Taken;
}

/**
 * Keeps all that a handler does to a Node response, however it does it (`writeHead`, `write`, `end`, a stream piped
 * into it), so that not a byte goes out before the answer is stored.
 *
 * Until then neither the response nor its connection shows that the caller hung up: a stream piped into it would stop,
 * and with it the operation, which is to end and be kept all the same. What is set in the response shows as it would
 * without us: `headersSent` after the first byte, `writableEnded` after the end.
 */
export class ResponseCapture {
  readonly #response: ServerResponse;
  readonly #request: IncomingMessage;
  readonly #bytesMax: number;
  readonly #headersBefore: OutgoingHttpHeaders | undefined;
  readonly #statusBefore: number;
  /** A repeat runs no handler, and most answers may be those of repeats: only a run takes the response over. */
  #own: Taken | undefined;

  constructor(response: ServerResponse, request: IncomingMessage, bytesMax: number) {
    this.#response = response;
    this.#request = request;
    this.#bytesMax = bytesMax;
    this.#headersBefore = copyOfHeaders(response);
    this.#statusBefore = response.statusCode;
  }

  /** Whether a run has begun. */
  get hasBegun(): boolean {
    return this.#own !== undefined;
  }

  /**
   * Begins a run of the handler, with the response as it was at first: an earlier run was and is forgotten.
   *
   * @returns the answer, once `end` was called; rejects with `ONCE_RESULT_TOO_LARGE` when more was written by then than
   *   may be kept, and with an error of its own when the response was destroyed instead.
   */
  begin(): Promise<HttpResponse> {
    const isFirst = this.#own === undefined;
    this.#own ??= new Taken(this.#response, this.#request, this.#headersBefore, this.#bytesMax);
    const answer = this.#own.begin(this.#response);
    if (!isFirst) replaceHeaders(this.#response, { before: this.#headersBefore, without: [], over: [] });
    this.#response.statusCode = this.#statusBefore;
    return answer;
  }

  /**
   * Sends an answer: the captured one, or another in its place. Nothing is sent where somebody else has answered, and a
   * plain 500 in the place of an answer that can't be sent.
   *
   * @returns the reason why the answer could not be sent.
   */
  send(answer: HttpResponse): unknown {
    const response = this.#response;
    const own = this.#own;
    own?.giveBack(response);
    if (isAnswered(response)) return undefined;
    const captured = own?.answer?.body === answer.body ? own.answer : undefined;
    const fault = sendResponse(response, this.#headersBefore, answer, captured);
    if (own === undefined) return fault;
    // A stream that a failed handler left piped into it must not fail at "write after end".
    Object.assign(response, lateMethods);
    if (own.shown.hungUp) response.emit("close");
    return fault;
  }
}

/**
 * Notes what a handler threw, for a framework that turns errors into answers of its own: one that says that nothing
 * happened, whatever the answer will be. An answer that is being written fails: what was written of it is half an answer,
 * and no error page can follow it.
 */
export function recordNoEffect(response: ServerResponse, error: unknown): void {
  const own = (response as TakenResponse)[taken];
  if (own === undefined || own.isOver) return;
  if (own.hasHead) return own.fail(error);
  if (OnceAgainError.isInstance(error, "ONCE_NO_EFFECT")) own.noEffect = error;
}

/**
 * Fails the run whose handler writes to a response, if there is one, whatever was written of its answer.
 *
 * @returns whether there is one, which answers then.
 */
export function failRun(response: ServerResponse, error: unknown): boolean {
  const own = (response as TakenResponse)[taken];
  own?.fail(error);
  return own !== undefined;
}

/** A response that is taken over: what it would show otherwise, and what the handler's current run has come to. */
class Taken implements Holder {
  /** The response's own methods. */
  readonly methods: ResponseMethods;
  readonly shown: ResponseState;
  readonly headersBefore: OutgoingHttpHeaders | undefined;
  /** What `writeHead` was given when no header was set. */
  head: HeaderList | undefined;
  /** Whether Node would have sent status and headers by now. */
  hasHead = false;
  /** Whether the response was given back: what comes later is dropped. */
  isOver = false;
  /** What the last run answered. */
  answer: CapturedResponse | undefined;
  /** What the current run's handler threw, if that says that nothing happened. */
  noEffect: OnceAgainError | undefined;
  /** Who waited for the response's end before it was taken over: they hear of it when it has gone out. */
  finishListeners: unknown[] | undefined;
  /** What the current run has written. */
  written!: BodyBuffer;
  readonly #request: IncomingMessage;
  readonly #bytesMax: number;
  #run: PromiseWithResolvers<HttpResponse> | undefined;

  constructor(
    response: ServerResponse,
    request: IncomingMessage,
    headersBefore: OutgoingHttpHeaders | undefined,
    bytesMax: number,
  ) {
    this.methods = methodsOf(response);
    this.shown = readState(response, request);
    this.headersBefore = headersBefore;
    this.#request = request;
    this.#bytesMax = bytesMax;
    holdConnection(request, this);
  }

  /** Takes the response over, and begins a run. @returns its answer. */
  begin(response: TakenResponse): Promise<HttpResponse> {
    this.head = undefined;
    this.hasHead = false;
    this.answer = undefined;
    this.noEffect = undefined;
    this.written = new BodyBuffer(this.#bytesMax);
    response[taken] = this;
    this.finishListeners ??= response.rawListeners("finish");
    showUnwritten(response, this.shown);
    hideHangUp(response, this.shown);
    setMethods(response, takenMethods);
    const run = Promise.withResolvers<HttpResponse>();
    // A handler that threw is not waited for; what its response comes to later is nobody's concern.
    run.promise.catch(ignore);
    this.#run = run;
    return run.promise;
  }

  giveBack(response: ServerResponse): void {
    this.isOver = true;
    setMethods(response, this.methods);
    restoreState(response, this.shown);
    releaseConnection(this.#request, this);
  }

  /** A handler that wrote too much was let on to its end: what it does after its answer is not in its operation. */
  end(answer: Omit<CapturedResponse, "body">): void {
    const { status, headers } = answer;
    const { body } = this.written;
    if (this.noEffect !== undefined) return this.fail(this.noEffect);
    if (body === undefined) return this.fail(resultTooLargeError(this.#bytesMax));
    this.answer = { ...answer, body };
    this.#run?.resolve({ status, headers, body });
  }

  fail(error: unknown): void {
    this.#run?.reject(error);
  }

  connectionDestroyed(): void {
    if (this.hasHead) this.fail(new Error("The connection was destroyed before the answer was whole."));
  }
}

const ignore = (): void => undefined;

/**
 * Those of a response that was taken over. One function each for all responses: one that is made for a response, and
 * put on it, keeps it from being collected.
 */
const takenMethods: ResponseMethods = {
  writeHead(this: TakenResponse, status: number, ...rest: unknown[]) {
    const own = this[taken]!;
    if (own.hasHead || own.isOver) throw headersSentError();
    this.statusCode = status;
    const [reason] = rest;
    if (typeof reason === "string" && !own.shown.isHttp2) this.statusMessage = reason;
    const headers = rest.find((argument) => typeof argument === "object" && argument !== null) as HeadersArgument;
    if (headers !== undefined) {
      const isAll = own.headersBefore === undefined && hasNoHeaders(this);
      const head = isAll && !Array.isArray(headers) ? headersToWrite(headers) : undefined;
      // What is of the connection goes out, whatever answer does.
      if (head?.every(([name]) => !ofConnection.has(name))) own.head = head;
      else setHeaders(this, headers);
    }
    if (!own.shown.isHttp2) validateReason(this.statusMessage);
    own.hasHead = true;
    showHead(this, own.shown);
    return this;
  },
  flushHeaders: writeImplicitHead,
  write(this: TakenResponse, ...args: unknown[]) {
    writeImplicitHead.call(this);
    if (!isEnded(this)) this[taken]!.written.write(args);
    return true;
  },
  end(this: TakenResponse, ...args: unknown[]) {
    if (isEnded(this)) return this;
    writeImplicitHead.call(this);
    const own = this[taken]!;
    own.written.write(args);
    // Frameworks wait for the end of a response that does not show it.
    showEnded(this, own.shown);
    const head = own.head?.filter(([name]) => !this.hasHeader(name)) ?? [];
    const set = headersOver(this, own.headersBefore);
    own.end({
      status: this.statusCode,
      headers: head.length === 0 ? set : [...head, ...set],
      reason: own.shown.isHttp2 ? "" : this.statusMessage,
      removed: headersRemoved(this, own.headersBefore),
    });
    if (this.listenerCount("finish") > own.finishListeners!.length) process.nextTick(tellFinish, this, own);
    return this;
  },
  destroy(this: TakenResponse, error?: Error) {
    this[taken]!.fail(error ?? new Error("The handler destroyed its response."));
    return this;
  },
  // Where there are any, the body would have to be sent in chunks.
  addTrailers: ignore,
  emit(this: TakenResponse, event: string, ...args: unknown[]) {
    const own = this[taken]!;
    // An earlier answer on the same connection has gone out, and it is this one's turn.
    if (event === "socket") [own.shown.socket] = args as [Socket];
    if (event === "close" || event === "socket") hideHangUp(this, own.shown);
    return event !== "close" && Reflect.apply(own.methods.emit, this, [event, ...args]);
  },
};

/**
 * A handler may wait for the end of what it wrote, as `pipeline` does, and its answer is not sent before it has ended:
 * those who listen since it began hear of it now.
 */
function tellFinish(response: TakenResponse, { finishListeners }: Taken): void {
  for (const listener of response.rawListeners("finish") as (() => void)[]) {
    if (finishListeners!.includes(listener)) continue;
    response.removeListener("finish", listener);
    listener.call(response);
  }
}

/** As Node does before the first byte, if nobody has: who replaced `writeHead`, as `on-headers` does, is asked. */
function writeImplicitHead(this: TakenResponse): void {
  const own = this[taken]!;
  if (!own.hasHead && !own.isOver) this.writeHead(this.statusCode);
}

/** What is written after the end is dropped. */
function isEnded(response: TakenResponse): boolean {
  return response.writableEnded || response[taken]!.isOver;
}
