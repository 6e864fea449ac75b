import { ClientRequest, type IncomingMessage, type InformationEvent } from "node:http";
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { ByteCollector } from "once-again/http";
import { ChunkJoiner } from "../chunk-joiner.ts";
import { containErrors } from "../contain-errors.ts";
import { countBytes } from "../count-bytes.ts";
import { headerPairs, type RawHeaders } from "../forward-headers.ts";
import type { LocalConnection } from "./local-connection.ts";
import type { SessionPace } from "./session-pace.ts";

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, NGHTTP2_FLAG_END_STREAM } = constants;

/** A stream of HTTP/2 with the head of its request. */
export interface CallerStream {
  readonly stream: ServerHttp2Stream;
  readonly flags: number;
  /** Names and values in turn, pseudo-headers among them. */
  readonly rawHeaders: RawHeaders;
}

/** How streams are carried. */
export interface CarryRules {
  /** How long a caller may leave a response unread, milliseconds. */
  readonly idleMs: number;
  /** Of the session that the stream is of. */
  readonly pace: SessionPace;
}

/**
 * Carries the request of one stream over a connection within this process, as HTTP/1.1, and the response back. So each rule
 * of the gateway is built once. A caller that resets the stream has hung up; a response that breaks off resets it.
 *
 * @param connection the caller's end; the gateway serves the other one.
 */
export function carryStream(caller: CallerStream, connection: LocalConnection, { idleMs, pace }: CarryRules): void {
  const { stream, flags, rawHeaders } = caller;
  if (isTooLarge(rawHeaders)) return refuse(stream, connection, 431);
  const hasBody = (flags & NGHTTP2_FLAG_END_STREAM) === 0;
  const head = requestHead(rawHeaders, hasBody);
  if (head === undefined) return refuse(stream, connection, 400);
  // A tunnel has no place in a proxy of requests.
  if (head.method === "CONNECT") return refuse(stream, connection, 501);
  let sent: ClientRequest;
  try {
    sent = new ClientRequest({ ...head, setHost: false, createConnection: () => connection });
  } catch {
    // Node's writer refuses what its parser would.
    return refuse(stream, connection, 400);
  }
  let isWhole = false;
  const fail = (): void => stream.close(NGHTTP2_INTERNAL_ERROR);
  stream.once("close", () => connection.destroy());
  stream.setTimeout(idleMs);
  stream.on("timeout", () => {
    const isUnread = stream.writableLength > 0 || (stream.writableEnded && !stream.writableFinished);
    if (isUnread) stream.close(NGHTTP2_CANCEL);
  });
  sent.on(
    "information",
    containErrors(
      () => undefined,
      (interim: InformationEvent) => sendInterim(stream, interim),
    ),
  );
  sent.on(
    "response",
    containErrors(fail, (response: IncomingMessage) => {
      response.once("end", () => (isWhole = true));
      sendResponse(stream, response, head.method, fail);
    }),
  );
  sent.on("error", () => undefined);
  sent.once("close", () => {
    if (!isWhole) fail();
  });
  if (hasBody) sendBody(stream, sent, head.isChunked, pace);
  else {
    stream.resume();
    sent.end();
  }
}

/**
 * Whether a head is larger than any that is served (RFC 9113, section 6.5.2, says how it is measured). nghttp2 refuses such
 * a head only once the caller has acknowledged our SETTINGS, and until then a byte of one can stand for 4 KiB. It is
 * measured here before anything is made of it.
 */
function isTooLarge(raw: RawHeaders): boolean {
  let bytes = 0;
  for (const text of raw) bytes += text.length + fieldBytes / 2;
  return bytes > headBytesMax;
}

/** The largest head of a request, bytes, and what each of its fields counts beside its name and value. */
export const headBytesMax = 16_384;
const fieldBytes = 32;

/** A request as HTTP/1.1 writes it. */
interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly isChunked: boolean;
}

/** Headers of a connection of HTTP/1.1. nghttp2 refuses them in a request; whatever it lets pass does not frame one. */
const ofConnection: ReadonlySet<string> = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** Methods of which a request without a body needs no length. */
const bodiless: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"]);

/** @returns `undefined` for a request without a method. */
function requestHead(raw: RawHeaders, hasBody: boolean): RequestHead | undefined {
  const pseudo = new Map<string, string>();
  const headers: string[] = [];
  const cookies: string[] = [];
  let length: string | undefined;
  for (const [name, value] of headerPairs(raw)) {
    if (name.startsWith(":")) pseudo.set(name, value);
    else if (name === "cookie") cookies.push(value);
    else if (name === "content-length") length = value;
    // Two names of one host are one; two hosts are refused as they are in HTTP/1.1.
    else if (name === "host" && value === pseudo.get(":authority")) continue;
    else if (!ofConnection.has(name)) headers.push(name, value);
  }
  const [method, authority] = [pseudo.get(":method"), pseudo.get(":authority")];
  if (method === undefined) return undefined;
  if (authority !== undefined) headers.unshift("host", authority);
  // RFC 9113, section 8.2.3.
  if (cookies.length > 0) headers.push("cookie", cookies.join("; "));
  const isChunked = hasBody && length === undefined;
  if (isChunked) headers.push("transfer-encoding", "chunked");
  else if (length !== undefined || !bodiless.has(method)) headers.push("content-length", length ?? "0");
  return { method, path: pseudo.get(":path") ?? "", headers, isChunked };
}

/** Refuses a request that never was one of HTTP/1.1. */
function refuse(stream: ServerHttp2Stream, connection: LocalConnection, status: number): void {
  connection.destroy();
  stream.respond({ ":status": status, "content-length": 0 }, { endStream: true });
  stream.close(NGHTTP2_NO_ERROR);
}

/** The method that a stream calls when it has room for more. */
const read = "_read";

/**
 * Sends the body of a request on at the pace at which it is taken. Data that were on their way when the stream was held back
 * are copied together: as objects of a stream that waits, frames of one byte would take hundreds of bytes each.
 */
function sendBody(stream: ServerHttp2Stream, sent: ClientRequest, isChunked: boolean, pace: SessionPace): void {
  let waiting = new ByteCollector(Number.MAX_SAFE_INTEGER);
  let trailers: RawHeaders = [];
  let isFull = false;
  const isHeldBack = (): boolean => isFull || pace.isHeldBack;
  const takeWaiting = (): Uint8Array => {
    const bytes = waiting.bytes!;
    waiting = new ByteCollector(Number.MAX_SAFE_INTEGER);
    return bytes;
  };
  const write = (chunk: Uint8Array): void => {
    countBytes(chunk);
    isFull = !sent.write(chunk);
  };
  const joiner = new ChunkJoiner((chunk) => {
    pace.check();
    if (isFull) waiting.add(chunk);
    else write(chunk);
  });
  const push = stream.push.bind(stream);
  const readMore = stream[read].bind(stream);
  // `false` closes the window of the stream: a caller that sends more breaks the protocol.
  stream.push = (chunk, encoding) => push(chunk, encoding) && !isHeldBack();
  stream[read] = (size) => {
    if (!isHeldBack()) readMore(size);
  };
  let isFirst = true;
  stream.on("data", (chunk: Buffer) => {
    // A small body in one frame is no tiny chunk of a larger one.
    if (!isFirst) pace.count(chunk);
    isFirst = false;
    joiner.add(chunk);
  });
  sent.on("drain", () => {
    isFull = false;
    if (waiting.length > 0) write(takeWaiting());
    if (!isHeldBack()) stream[read](0);
  });
  const resume = (): void => stream[read](0);
  pace.onResume(resume);
  stream.once("close", () => pace.offResume(resume));
  stream.on("trailers", (_headers: unknown, _flags: number, raw: RawHeaders) => (trailers = raw));
  stream.once("end", () => {
    joiner.flush();
    if (waiting.length > 0) sent.write(takeWaiting());
    if (isChunked)
      containErrors(
        () => undefined,
        () => sent.addTrailers(headerPairs(trailers)),
      )();
    sent.end();
  });
}

/** How many frames may wait to be sent to a caller before interim responses are left out. */
const waitingFramesMax = 100;

function sendInterim(stream: ServerHttp2Stream, { statusCode, rawHeaders }: InformationEvent): void {
  if (stream.headersSent || stream.destroyed) return;
  if ((stream.session?.state.outboundQueueSize ?? 0) > waitingFramesMax) return;
  stream.additionalHeaders({ ...responseHeaders(rawHeaders), ":status": statusCode });
}

function sendResponse(
  stream: ServerHttp2Stream,
  response: IncomingMessage,
  method: string,
  fail: (error: unknown) => void,
): void {
  if (stream.destroyed) return void response.resume();
  const { statusCode: status = 502, rawHeaders, headers } = response;
  const isEmpty = method === "HEAD" || status === 204 || status === 205 || status === 304;
  const waitForTrailers = !isEmpty && headers["transfer-encoding"] !== undefined;
  // The gateway has decided about the date.
  const respond = { sendDate: false, endStream: isEmpty, waitForTrailers };
  stream.respond({ ...responseHeaders(rawHeaders), ":status": status }, respond);
  response.on("error", () => undefined);
  if (isEmpty) return void response.resume().once("end", () => endRequest(stream));
  // Without trailers these are an empty frame that ends the stream. They go out in a later turn of the event loop.
  stream.once(
    "wantTrailers",
    containErrors(fail, () => {
      stream.sendTrailers(responseHeaders(response.rawTrailers));
      setImmediate(endRequest, stream);
    }),
  );
  response.on("data", (chunk: Buffer) => {
    if (stream.destroyed || stream.write(chunk)) return;
    response.pause();
    stream.once("drain", () => response.resume());
  });
  response.once("end", () => {
    stream.end();
    if (!waitForTrailers) endRequest(stream);
  });
}

/** Ends a request that has its whole response: the rest of it is not wanted (RFC 9113, section 8.1). */
function endRequest(stream: ServerHttp2Stream): void {
  const end = (): void => {
    if (!stream.readableEnded) stream.close(NGHTTP2_NO_ERROR);
  };
  // Node ends the watch over a silent caller as soon as it is asked to close.
  if (stream.writableFinished) end();
  else stream.once("finish", end);
}

/** Headers of a response for a stream: a repeated one has its values in turn. */
function responseHeaders(raw: RawHeaders): OutgoingHttpHeaders {
  const headers = Object.create(null) as Record<string, string[]>;
  for (const [name, value] of headerPairs(raw)) {
    const lowerCase = name.toLowerCase();
    if (!ofConnection.has(lowerCase)) (headers[lowerCase] ??= []).push(value);
  }
  return headers;
}
