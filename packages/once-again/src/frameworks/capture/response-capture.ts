import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { ByteCollector } from "../../core/bytes.ts";
import { OnceAgainError } from "../../core/errors.ts";
import type { HttpResponse } from "../../http/index.ts";
import { resultTooLargeError } from "../errors.ts";
import { DetachedExchange } from "./detached-exchange.ts";
import type { SocketOwner } from "./detached-socket.ts";
import { fieldsOf, type ResponseFields } from "./node-private.ts";
import {
  copyOfHeaders,
  dropLateWrites,
  type HeaderList,
  headersAsWritten,
  headersIn,
  headersOver,
  headersRemoved,
  isAnswered,
  latin1,
  sendResponse,
} from "./send-response.ts";

const current = Symbol("run");

interface CapturedResponse extends ServerResponse {
  [current]?: Run;
}

/**
 * Captures the response that a handler writes, however it does (`writeHead`, `write`, `end`, a stream piped into it), so
 * that not a byte goes out before the response is stored.
 *
 * While the handler runs, its request and response are on a detached socket: they are complete, and see nothing of what
 * the caller does. See docs/decisions/responses.md.
 */
export class ResponseCapture {
  readonly #response: CapturedResponse;
  readonly #request: IncomingMessage;
  readonly #bytesMax: number;
  readonly #headersBefore: OutgoingHttpHeaders | undefined;
  readonly #statusBefore: number;
  /** Only a run needs them: most responses may be those of repeats. */
  #exchange: DetachedExchange | undefined;
  #run: Run | undefined;
  /** Whether the handler is at work, and its response is the operation's. */
  #isHandling = false;
  #isSentBeside = false;

  constructor(response: ServerResponse, request: IncomingMessage, bytesMax: number) {
    this.#response = response;
    this.#request = request;
    this.#bytesMax = bytesMax;
    this.#headersBefore = copyOfHeaders(response);
    this.#statusBefore = response.statusCode;
  }

  /** Whether a run has begun. */
  get hasBegun(): boolean {
    return this.#run !== undefined;
  }

  /**
   * Begins a run of the handler, with the response as it was at first: an earlier run of it is undone.
   *
   * @param isReplay whether the framework writes what was stored, and no handler runs.
   * @param listener is called once: with the response when it was ended, with `ONCE_RESULT_TOO_LARGE` when it is larger
   *   than may be stored, and with another error when it was destroyed instead.
   */
  begin(listener: RunListener, isReplay = false): void {
    const [response, headers] = [this.#response, this.#headersBefore];
    this.#exchange ??= new DetachedExchange(this.#request, response, { status: this.#statusBefore, headers });
    const run = new Run(this.#exchange, headers, this.#bytesMax, listener, isReplay);
    // An earlier run has no say in this one.
    if (this.#run !== undefined) this.#run.isSettled = true;
    this.#run = run;
    this.#isHandling = true;
    response[current] = run;
    this.#exchange.begin(run, run.finished);
  }

  /** The handler has ended: nothing that it writes later counts. */
  endHandling(): void {
    this.#isHandling = false;
    if (!this.#isSentBeside) return;
    this.#run!.isOver = true;
    this.#exchange!.leave();
  }

  /**
   * Sends a response: the captured one, or another in its place. Nothing is sent where something else has responded, and
   * a plain 500 in the place of a response that can't be sent. A handler that is still at work goes on, and its run ends
   * with the response that it writes.
   *
   * @returns the reason why the response could not be sent.
   */
  send(sent: HttpResponse): unknown {
    const [response, exchange, run] = [this.#response, this.#exchange, this.#run];
    if (exchange === undefined || run === undefined) {
      return isAnswered(response) ? undefined : sendResponse(response, this.#headersBefore, sent, undefined);
    }
    if (this.#isHandling && !run.isSettled) {
      const beside = exchange.openBeside();
      if (beside !== undefined) {
        this.#isSentBeside = true;
        return isAnswered(beside) ? undefined : sendResponse(beside, this.#headersBefore, sent, undefined);
      }
    }
    run.isOver = true;
    const captured = run.captured?.body === sent.body ? run.captured : undefined;
    exchange.attach();
    if (captured !== undefined && exchange.canSendAsWritten && run.recorded.isConsistent) {
      const lines = linesBeside(captured.headers, sent.headers);
      exchange.sendAsWritten((write) => run.recorded.send(lines, write));
      return undefined;
    }
    const reason = captured && run.reason;
    exchange.renew();
    if (isAnswered(response)) return undefined;
    const fault = sendResponse(response, this.#headersBefore, sent, reason);
    dropLateWrites(response);
    return fault;
  }
}

/**
 * Notes what a handler threw, for a framework that makes responses of errors: an error that says that
 * nothing happened decides, whatever the response will be. A response that is being written fails: what was written of
 * it is half a response, and no error page can follow it.
 */
export function recordNoEffect(response: ServerResponse, error: unknown): void {
  const run = (response as CapturedResponse)[current];
  if (run === undefined || run.isOver) return;
  if (response.headersSent) return run.fail(error);
  if (OnceAgainError.isInstance(error, "ONCE_NO_EFFECT")) run.noEffect = error;
}

/**
 * Fails the run of a handler that writes to a response, if there is one, whatever was written.
 *
 * @returns whether there is one, which responds then.
 */
export function failRun(response: ServerResponse, error: unknown): boolean {
  const run = (response as CapturedResponse)[current];
  run?.fail(error);
  return run !== undefined;
}

/** How a run of a handler ended. */
export interface RunListener {
  responded(response: HttpResponse): void;
  failed(error: unknown): void;
}

/** One run of a handler, from its first byte to the end of its response. */
class Run implements SocketOwner {
  readonly recorded: RecordedResponse;
  /** The handler's error, if it says that nothing happened. */
  noEffect: OnceAgainError | undefined;
  /** Whether a response goes out: what comes later is dropped. */
  isOver = false;
  captured: HttpResponse | undefined;
  /** Whether there is a response, or none will come. */
  isSettled = false;
  #isRefusing = false;
  readonly #isReplay: boolean;
  readonly #exchange: DetachedExchange;
  readonly #headersBefore: OutgoingHttpHeaders | undefined;
  readonly #bytesMax: number;
  readonly #listener: RunListener;

  constructor(
    exchange: DetachedExchange,
    headersBefore: OutgoingHttpHeaders | undefined,
    bytesMax: number,
    listener: RunListener,
    isReplay: boolean,
  ) {
    this.#isReplay = isReplay;
    this.#exchange = exchange;
    this.#headersBefore = headersBefore;
    this.#bytesMax = bytesMax;
    this.recorded = new RecordedResponse(fieldsOf(exchange.response), bytesMax);
    this.#listener = listener;
  }

  take(data: string | Uint8Array, encoding: BufferEncoding): boolean {
    const { recorded } = this;
    const { _header } = fieldsOf(this.#exchange.response);
    if (_header !== null) recorded.add(data, encoding);
    else if (isInformation(data)) this.#exchange.sendInformation(data);
    else recorded.isForeign = true;
    if (recorded.isForeign) this.#exchange.destroySocket(foreignError());
    if (!recorded.isTooLarge) return true;
    this.#refuseMore();
    return false;
  }

  /** A response that was ended in the same turn fails by itself, when it ends. */
  #refuseMore(): void {
    if (this.#isRefusing) return;
    this.#isRefusing = true;
    setImmediate(() => {
      if (this.isSettled || this.#exchange.response.writableEnded) return;
      this.#exchange.destroySocket(resultTooLargeError(this.#bytesMax));
    });
  }

  closed(error: Error | undefined): void {
    if (error === undefined && this.recorded.isWhole) this.finished();
    else this.fail(error ?? new Error("The handler's socket was destroyed before its response was complete."));
    this.#exchange.closeResponse();
  }

  readonly finished = (): void => {
    const { noEffect, recorded } = this;
    // A socket that is destroyed behind a whole response ends it a second time.
    if (this.isSettled) return;
    if (noEffect !== undefined) return this.fail(noEffect);
    const { body } = recorded;
    if (body === undefined) return this.fail(resultTooLargeError(this.#bytesMax));
    this.captured = this.#responseWith(body);
    this.isSettled = true;
    this.#listener.responded(this.captured);
  };

  fail(error: unknown): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.#listener.failed(error);
  }

  #responseWith(body: Uint8Array): HttpResponse {
    const { response, isHeadSeen } = this.#exchange;
    const { status } = this.recorded;
    const headers = this.#headers();
    const isLengthHidden = (isHeadSeen && fieldsOf(response).chunkedEncoding) || undefined;
    const removed = headersRemoved(response, this.#headersBefore);
    if (removed === undefined && isLengthHidden === undefined) return { status, headers, body };
    return { status, headers, body, removed, isLengthHidden };
  }

  #headers(): HeaderList {
    const { response, isOnConnection } = this.#exchange;
    const head = fieldsOf(response)._header!;
    const headers = response.getHeaderNames().length > 0 ? headersOver(response, this.#headersBefore) : headersIn(head);
    // Elsewhere, the values go out as they were set.
    return isOnConnection && !this.#isReplay ? headersAsWritten(headers, head, this.recorded.headEncoding) : headers;
  }

  /** The reason phrase that the handler set: only the first caller gets it. */
  get reason(): string {
    const { response, request } = this.#exchange;
    // HTTP/2 has no phrase, and Node warns of one that is read.
    return request.httpVersionMajor >= 2 ? "" : (response.statusMessage ?? "");
  }
}

/** The lines for headers that are sent beside those of the captured response. */
function linesBeside(captured: HttpResponse["headers"], sent: HttpResponse["headers"]): string {
  let lines = "";
  for (const header of sent) if (!captured.includes(header)) lines += `${header[0]}: ${header[1]}\r\n`;
  return lines;
}

/** Whether it is a 1xx response, which may go out before the response. */
function isInformation(data: string | Uint8Array): boolean {
  return typeof data === "string" && data.startsWith("HTTP/1.1 1");
}

function foreignError(): Error {
  return new Error("The handler wrote to its request's socket. Respond by the response: write, end.");
}

/** The next part that Node writes of a chunked body: each chunk is its size, a line end, the data, and a line end. */
type ChunkPart = "size" | "end of size" | "data" | "end of data" | "nothing";

/**
 * The bytes that a response of Node's wrote: its own head, which is not parsed again, and the body, of which a chunked one is
 * stored without its framing.
 */
export class RecordedResponse {
  /** Whether bytes came that the response did not write. */
  isForeign = false;
  readonly #fields: ResponseFields;
  readonly #bytes: ByteCollector;
  readonly #bytesMax: number;
  #headEncoding: BufferEncoding | undefined;
  /** A body that came in one text with the head, as most do. */
  #text: string | undefined;
  #part: ChunkPart = "size";
  #left = 0;
  #body: Uint8Array | undefined;

  constructor(fields: ResponseFields, bytesMax: number) {
    this.#fields = fields;
    this.#bytesMax = bytesMax;
    this.#bytes = new ByteCollector(bytesMax);
  }

  /** Adds what Node wrote after it made the head. */
  add(data: string | Uint8Array, encoding: BufferEncoding): void {
    if (this.#headEncoding !== undefined) return this.#addBody(data, encoding);
    const head = this.#fields._header!;
    if (typeof data !== "string" || !data.startsWith(head)) {
      this.isForeign = true;
      return;
    }
    this.#headEncoding = encoding;
    const rest = data.slice(head.length);
    if (rest === "") return;
    if (this.#fields.chunkedEncoding) this.#addBody(rest, encoding);
    else this.#text = rest;
  }

  #addBody(data: string | Uint8Array, encoding: BufferEncoding): void {
    if (data.length === 0) return;
    if (this.#fields.chunkedEncoding) return this.#addChunkPart(data, encoding);
    if (this.#text !== undefined) this.#bytes.add(Buffer.from(this.#text, this.#headEncoding));
    this.#text = undefined;
    this.#bytes.add(bytesOf(data, encoding));
  }

  #addChunkPart(data: string | Uint8Array, encoding: BufferEncoding): void {
    switch (this.#part) {
      case "size":
        if (typeof data === "string" && data.startsWith("0\r\n")) this.#part = "nothing";
        else this.#beginChunk(typeof data === "string" ? Number.parseInt(data, 16) : Number.NaN);
        return;
      case "end of size":
      case "end of data":
        if (data.length !== 2) this.isForeign = true;
        this.#part = this.#part === "end of size" ? "data" : "size";
        return;
      case "data":
        this.#addData(bytesOf(data, encoding));
        return;
      case "nothing":
        this.isForeign = true;
    }
  }

  #beginChunk(size: number): void {
    if (!(size > 0)) this.isForeign = true;
    this.#left = size;
    this.#part = "end of size";
  }

  /** A chunk may come in several pieces: those that were written while the response was corked. */
  #addData(bytes: Uint8Array): void {
    this.#left -= bytes.length;
    if (this.#left < 0) this.isForeign = true;
    if (this.#left === 0) this.#part = "end of data";
    this.#bytes.add(bytes);
  }

  /** Whether more was written than may be stored. */
  get isTooLarge(): boolean {
    // A character is at least one byte in both encodings in which Node joins a head and a body.
    return this.#bytes.isTooLarge || (this.#text !== undefined && this.#text.length > this.#bytesMax);
  }

  /** Whether the body is complete, as its head has it, though the response was not ended. */
  get isWhole(): boolean {
    const { _header, _contentLength, chunkedEncoding } = this.#fields;
    if (_header === null || this.#headEncoding === undefined || this.isForeign) return false;
    return chunkedEncoding ? this.#part === "nothing" : _contentLength === this.body?.length;
  }

  /** The whole body; `undefined` when it is larger than may be stored. */
  get body(): Uint8Array | undefined {
    if (this.isTooLarge) return undefined;
    this.#body ??= this.#text === undefined ? this.#bytes.bytes! : Buffer.from(this.#text, this.#headEncoding);
    return this.#body.length > this.#bytesMax ? undefined : this.#body;
  }

  /** The encoding in which the head is sent. */
  get headEncoding(): BufferEncoding {
    return this.#headEncoding!;
  }

  get status(): number {
    return Number(this.#fields._header!.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length));
  }

  /** Whether what Node wrote is a response as its head declares it. A wrong length would shift the next response. */
  get isConsistent(): boolean {
    const { _contentLength, _hasBody, chunkedEncoding } = this.#fields;
    return !_hasBody || chunkedEncoding || _contentLength === null || _contentLength === this.body?.length;
  }

  /**
   * The response as it goes out: as Node wrote it, but for more lines in its head, and with the data of all chunks in one.
   *
   * @param lines each with its line end.
   */
  send(lines: string, write: (data: string | Uint8Array, encoding: BufferEncoding) => void): void {
    const { _header, _hasBody, _trailer, chunkedEncoding } = this.#fields;
    const encoding = this.headEncoding;
    const written = `${_header!.slice(0, -2)}${lines}\r\n`;
    if (this.#text !== undefined) return write(written + this.#text, encoding);
    const head = encoding === "latin1" ? written : latin1(written, encoding);
    const body = this.body!;
    if (!_hasBody || (!chunkedEncoding && body.length === 0)) return write(head, "latin1");
    if (!chunkedEncoding) return writeTogether(head, body, "", write);
    const end = `0\r\n${_trailer}\r\n`;
    if (body.length === 0) return write(head + end, "latin1");
    writeTogether(`${head}${body.length.toString(16)}\r\n`, body, `\r\n${end}`, write);
  }
}

/** Up to here, bytes are written together with what is around them: in Latin-1, each byte is a character. */
const togetherMax = 65_536;

function writeTogether(
  before: string,
  body: Uint8Array,
  after: string,
  write: (data: string | Uint8Array, encoding: BufferEncoding) => void,
): void {
  if (body.length <= togetherMax) {
    const { buffer, byteOffset, byteLength } = body;
    return write(before + Buffer.from(buffer, byteOffset, byteLength).toString("latin1") + after, "latin1");
  }
  write(before, "latin1");
  write(body, "latin1");
  if (after !== "") write(after, "latin1");
}

function bytesOf(data: string | Uint8Array, encoding: BufferEncoding): Uint8Array {
  return typeof data === "string" ? Buffer.from(data, encoding) : data;
}
