import type { IncomingMessage } from "node:http";
import type { Awaitable } from "../core/awaitable.ts";
import { ByteCollector, exactBytes } from "../core/bytes.ts";
import { bodyConsumedError, bodyTooLargeError } from "./errors.ts";
import { http } from "./node-http.ts";

/** The properties that body parsers leave on a framework's request. */
export interface ParsedRequest {
  /** The bytes that a parser read, or their text, where it stores them. */
  rawBody?: unknown;
  /** The parsed body: only bytes are of use. */
  body?: unknown;
}

/**
 * The body of a request, as the bytes that came: from a parser that stored them, as `tapBody` recorded them, or from the
 * stream, which is then as it was. A parsed value is no substitute: two bodies may parse to the same value.
 *
 * @throws OnceAgainError `ONCE_BODY_TOO_LARGE`; `ONCE_BODY_CONSUMED` when the body was read and its bytes were not stored.
 */
export function requestBytes(
  request: IncomingMessage,
  { rawBody, body }: ParsedRequest,
  bytesMax: number,
): Awaitable<Uint8Array<ArrayBuffer>> {
  const parserBytes = parsedBytes(rawBody) ?? (body instanceof Uint8Array ? Uint8Array.from(body) : undefined);
  if (parserBytes !== undefined) {
    if (parserBytes.length > bytesMax) throw bodyTooLargeError(bytesMax);
    return parserBytes;
  }
  if (!hasBody(request)) return new Uint8Array();
  // Most bodies have arrived by now.
  return bodyTapOf(request)?.bytes ?? bytesLater(request, bytesMax);
}

async function bytesLater(request: IncomingMessage, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const bodyTap = bodyTapOf(request);
  const settling = bodyTap?.settled();
  if (settling !== undefined) await settling;
  if (bodyTap?.isTooLarge) throw bodyTooLargeError(bytesMax);
  const bytes = bodyTap?.bytes;
  if (bytes !== undefined) return bytes;
  if (request.readableDidRead || request.readableEnded) throw bodyConsumedError();
  return peekBody(request, bytesMax);
}

function parsedBytes(rawBody: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (rawBody instanceof Uint8Array) return Uint8Array.from(rawBody);
  return typeof rawBody === "string" ? exactBytes(rawBody) : undefined;
}

/** RFC 9112, section 6.3. What has no HTTP/1 below it need not say how long it is. */
function hasBody(request: IncomingMessage): boolean {
  const { headers } = request;
  if (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0) return true;
  if (!isLazy(request) || typeof request.push !== "function") return false;
  // A body with a tap may have been read already.
  return bodyTapOf(request) !== undefined || request.readableLength > 0 || !hasEnded(request);
}

const tap = Symbol("body tap");

/** The tap is a property of the request, since each garbage collection would visit every entry of a `WeakMap`. */
interface TappedRequest extends IncomingMessage {
  [tap]?: BodyTap;
}

type Push = (this: IncomingMessage, chunk: unknown, encoding?: BufferEncoding) => boolean;

/** The bytes of a body as they arrived, whether the stream is read or not. */
export class BodyTap {
  readonly #request: IncomingMessage;
  /** The `push` of the request itself. */
  readonly #push: Push;
  readonly #bytes: ByteCollector;
  #isWhole = false;
  #isSettled = false;
  #settling: PromiseWithResolvers<void> | undefined;

  constructor(request: IncomingMessage, bytesMax: number) {
    this.#request = request;
    this.#bytes = new ByteCollector(bytesMax);
    ({ push: this.#push } = request as { push: Push });
  }

  /** Takes a chunk that is pushed into the request's stream. @returns whether there is room for more. */
  push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk !== null && chunk !== undefined) this.#bytes.add(chunkBytes(chunk, encoding));
    // HTTP/2 ends the body of a caller that left as if it were whole, and the push itself wakes those that wait for the end.
    if (chunk === null) this.#isWhole = !this.#request.aborted;
    const hasRoom = this.#push.call(this.#request, chunk, encoding);
    if (chunk === null || !hasRoom || this.isTooLarge) this.settle();
    return hasRoom;
  }

  /** Ends the wait for more of the body. */
  settle(): void {
    this.#isSettled = true;
    this.#settling?.resolve();
  }

  /**
   * Resolves when the body is complete, when its stream has no room until it is read, or when it closed.
   * `undefined` when that is so already.
   */
  settled(): Promise<void> | undefined {
    if (this.#isSettled || this.#request.closed) return undefined;
    if (this.#settling === undefined) {
      this.#settling = Promise.withResolvers();
      this.#request.on("close", settleClosed);
      // A stream that is not fed by a connection of HTTP/1 gives nothing before it is asked.
      if (isLazy(this.#request)) this.#request.read(0);
    }
    return this.#settling.promise;
  }

  get isTooLarge(): boolean {
    return this.#bytes.isTooLarge;
  }

  /** All bytes of a complete body; `undefined` as long as it is not, or when it is larger than `bytesMax`. */
  get bytes(): Uint8Array<ArrayBuffer> | undefined {
    return this.#isWhole ? this.#bytes.bytes : undefined;
  }
}

function chunkBytes(chunk: unknown, encoding?: BufferEncoding): Uint8Array {
  return chunk instanceof Uint8Array ? chunk : Buffer.from(String(chunk), encoding);
}

/** Whether a request's body arrives only when it is read: a request of HTTP/2, or one that an adapter made up. */
export function isLazy(request: IncomingMessage): boolean {
  return request.httpVersionMajor >= 2 || !(request instanceof http.IncomingMessage) || Object.hasOwn(request, "_read");
}

/** Whether all of a body is in its stream, read or not. Not every request has a `complete` that says so. */
export function hasEnded(request: IncomingMessage): boolean {
  const { _readableState: state } = request as { _readableState?: { ended: boolean } };
  return state?.ended ?? request.complete;
}

/** Replaces the `push` of a request. One function serves all requests: one for each would double the cost of a tap. */
function push(this: TappedRequest, chunk: unknown, encoding?: BufferEncoding): boolean {
  return this[tap]!.push(chunk, encoding);
}

function settleClosed(this: TappedRequest): void {
  this[tap]!.settle();
}

/**
 * Records a body on its way into the request's stream, which stays unread: most bodies arrive before they are needed, and
 * reading one to put it back costs as much as all the rest of a request.
 *
 * @returns whether it records. It must be called in the turn in which the request came, before any of the body did.
 */
export function tapBody(request: TappedRequest, bytesMax: number): boolean {
  if (request[tap] !== undefined) return true;
  if (typeof request.push !== "function" || hasEnded(request)) return false;
  if (request.readableLength > 0 || request.readableDidRead) return false;
  request[tap] = new BodyTap(request, bytesMax);
  request.push = push;
  return true;
}

/** The tap of a request's body; `undefined` when none was set in time. */
export function bodyTapOf(request: TappedRequest): BodyTap | undefined {
  return request[tap];
}

/**
 * Reads the whole body of a request and puts it back, so that a parser, an upload or the handler finds
 * the stream as it was.
 *
 * @throws OnceAgainError `ONCE_BODY_TOO_LARGE` as soon as there are more than `bytesMax` bytes; what was read is gone.
 *   `ONCE_BODY_CONSUMED` for a stream that gives text (`setEncoding`) and has no tap.
 *   An error of the stream when the caller hangs up before the end.
 */
export function peekBody(request: IncomingMessage, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  const closedEarly = (): Error => request.errored ?? new Error("The connection closed before the request's end.");
  if (request.closed) return Promise.reject(closedEarly());
  const body = new ByteCollector(bytesMax);
  /** Of a stream that gives text: its bytes are gone, and the text may be that of others, too. */
  const texts: string[] = [];
  let length = 0;

  const finish = (): void => {
    // HTTP/2 ends the body of a caller who left as if it were whole.
    if (request.aborted) return reject(closedEarly());
    const bytes = bodyTapOf(request)?.bytes ?? (texts.length > 0 ? undefined : body.bytes);
    if (bytes === undefined) return reject(bodyConsumedError());
    // A stream emits "end" when its buffer is empty and not before the next turn: what is put back now comes first.
    if (length > 0) putBack(request, texts, body);
    // The end of an empty body can't be put back: without this header, no reader waits for it.
    else delete request.headers["transfer-encoding"];
    resolve(bytes);
  };
  const readChunks = (): void => {
    for (let chunk = readChunk(request); chunk !== null; chunk = readChunk(request)) {
      if (typeof chunk === "string") texts.push(chunk);
      else body.add(chunk);
      length += chunk.length;
    }
    if (length > bytesMax) reject(bodyTooLargeError(bytesMax));
    else if (hasEnded(request)) finish();
    else return;
    stop();
  };
  const closed = (): void => {
    reject(closedEarly());
    stop();
  };
  const listeners: [event: string, listener: () => void][] = [
    ["readable", readChunks],
    // An empty body ends without ever being readable.
    ["end", readChunks],
    ["error", closed],
    ["close", closed],
  ];
  const stop = (): void => {
    for (const [event, listener] of listeners) request.off(event, listener);
  };
  for (const [event, listener] of listeners) request.on(event, listener);
  return promise;
}

function readChunk(request: IncomingMessage): Buffer | string | null {
  return request.read() as Buffer | string | null;
}

function putBack(request: IncomingMessage, texts: readonly string[], body: ByteCollector): void {
  const { readableEncoding } = request;
  // A copy: the handler may write into what it reads.
  if (readableEncoding === null) request.unshift(Buffer.from(body.bytes!));
  else request.unshift(texts.join(""), readableEncoding);
}
