import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { HttpResponse } from "../../http/index.ts";
import { headerValue } from "../../http/response.ts";
import { http } from "../node-http.ts";

/** Whether a response was sent already, or can't be sent any more. */
export function isAnswered(response: ServerResponse): boolean {
  return response.headersSent || response.writableEnded || isStreamGone(response);
}

/**
 * Sends an answer in place of what the handler set: its headers over those that middleware in front has set by now.
 *
 * @param reason the reason phrase that the handler set, where this is the first caller.
 * @returns the reason why it can't be sent; a plain 500 has gone out then.
 */
export function sendResponse(
  response: ServerResponse,
  headersBefore: OutgoingHttpHeaders | undefined,
  answer: HttpResponse,
  reason: string | undefined,
): unknown {
  try {
    setReason(response, reason);
    writeHead(response, headersBefore, answer);
    // Node writes headers and a text in one piece, and bytes in a second. In Latin-1, each byte is a character.
    const { buffer, byteOffset, byteLength } = answer.body;
    response.end(Buffer.from(buffer, byteOffset, byteLength).toString("latin1"), "latin1");
    return undefined;
  } catch (error) {
    sendFault(response);
    return error;
  }
}

function writeHead(response: ServerResponse, before: OutgoingHttpHeaders | undefined, answer: HttpResponse): void {
  const { status, removed = [] } = answer;
  const isHeadSeen = Object.hasOwn(response, "writeHead");
  // Middleware in front that replaced `writeHead` looks for a length, as `compression` does: below a threshold it does nothing.
  const isLengthHidden = answer.isLengthHidden === true && isHeadSeen;
  // One that replaced `write` or `end` alone may make the body longer. Node knows the length of what comes through.
  const isLengthChanged = !isHeadSeen && (Object.hasOwn(response, "write") || Object.hasOwn(response, "end"));
  const sentHeaders = headersToSend(response, answer, !isLengthHidden && !isLengthChanged);
  if (before === undefined) {
    replaceHeaders(response, { before, without: [], over: [] });
    // Setting header by header costs several times as much. But a function that replaced `writeHead`, as `on-headers` does,
    // may not know this form, and one that replaced `setHeader` would see none.
    const own = http.ServerResponse.prototype;
    if (hasNoHeaders(response) && response.writeHead === own.writeHead && response.setHeader === own.setHeader) {
      response.writeHead(status, sentHeaders);
      return;
    }
  }
  replaceHeaders(response, { before, without: [...removed, ...ofBody], over: sentHeaders });
  response.statusCode = status;
  // Before `end`, which would show the length, and have Node decode the value of a Content-Disposition.
  if (isLengthHidden || isDispositionDecoded(response, sentHeaders)) response.writeHead(status);
}

/** Whether Node would decode the value of a Content-Disposition, which it does where it knows a length. */
function isDispositionDecoded(response: ServerResponse, sentHeaders: readonly string[]): boolean {
  const at = sentHeaders.indexOf("content-disposition");
  return at >= 0 && !isHttp2(response) && !asciiValue.test(sentHeaders[at + 1]!);
}

/** Names in lower case and values, in turn. */
function headersToSend(response: ServerResponse, answer: HttpResponse, hasLength: boolean): string[] {
  const headers: string[] = [];
  for (const [name, value] of answer.headers) {
    const lowerCase = name.toLowerCase();
    if (!ofConnection.has(lowerCase) && !ofBody.has(lowerCase)) headers.push(lowerCase, value);
  }
  const length = hasLength ? lengthOf(response, answer) : undefined;
  if (length !== undefined) headers.push("content-length", length);
  return headers;
}

/** The length of the body that is sent; of an answer to HEAD, which has none, the one that its handler named. */
function lengthOf(response: ServerResponse, { status, headers, body }: HttpResponse): string | undefined {
  if (status === 204 || status === 304) return undefined;
  if (body.length > 0 || (response.req as { method?: string } | undefined)?.method !== "HEAD")
    return String(body.length);
  return headerValue(headers, "content-length");
}

/** The reason phrase that a framework set for another status does not fit this one. */
function setReason(response: ServerResponse, reason = ""): void {
  if (isHttp2(response) || (response.statusMessage ?? "") === reason) return;
  response.statusMessage = reason;
}

/** Sends a plain 500 to a caller that has no response yet. One that has begun is broken off, since its end would say that it is whole. */
export function sendFault(response: ServerResponse): void {
  if (response.writableEnded) return;
  if (response.headersSent) return void response.destroy();
  try {
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.statusCode = 500;
    setReason(response);
    response.end();
  } catch {
    response.destroy();
  }
}

/**
 * Drops what a handler writes after another response was sent in place of it. A stream that is still piped into it must not fail
 * the process by "write after end".
 */
export function dropLateWrites(response: ServerResponse): void {
  if (!isHttp2(response) || response.writableEnded) return void Object.assign(response, lateMethods);
  // Middleware in front ends it later, and then HTTP/2 writes by the response's own `write`.
  const { write, end } = response as unknown as Record<"write" | "end", (...args: unknown[]) => unknown>;
  Object.assign(response, {
    write: (...args: unknown[]) => !response.writableEnded && write.apply(response, args),
    end: (...args: unknown[]) => (response.writableEnded ? response : end.apply(response, args)),
  });
}

/** Those of a response that was sent by another. */
const lateMethods = {
  write: () => false,
  end(this: unknown) {
    return this;
  },
};

function isHttp2(response: ServerResponse): boolean {
  return "stream" in response;
}

/** A response of HTTP/2 can't be sent after its stream is gone. */
function isStreamGone(response: ServerResponse): boolean {
  return isHttp2(response) && (response as unknown as { stream: { destroyed: boolean } }).stream.destroyed;
}

/** How `writeHead` takes headers: as an object, or as a list of names and values in turn, or of pairs of them. */
export type HeadersArgument = OutgoingHttpHeaders | OutgoingHttpHeader[] | [string, OutgoingHttpHeader][] | undefined;

/** Headers as they are stored: a repeated one stands there once for each value. */
export type HeaderList = [name: string, value: string][];

/** Headers of the connection and the moment. Node never sets again by itself what was removed once, so they stay. */
export const ofConnection: ReadonlySet<string> = new Set(["connection", "keep-alive", "date"]);

/** Headers that follow from the bytes that are sent, whatever the handler said of them: there are no trailers, either. */
export const ofBody: ReadonlySet<string> = new Set(["content-length", "transfer-encoding", "trailer"]);

/** Sets headers as `writeHead` would. */
export function setHeaders(response: ServerResponse, headers: HeadersArgument): void {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers ?? {})) {
      if (value !== undefined) response.setHeader(name, value);
    }
    return;
  }
  const list: unknown[] = Array.isArray(headers[0]) ? headers.flat() : headers;
  const pairs = Array.from({ length: list.length / 2 }, (_, index) => list.slice(index * 2, index * 2 + 2));
  for (const [name] of pairs) response.removeHeader(String(name));
  for (const [name, value] of pairs) response.appendHeader(String(name), Array.isArray(value) ? value : String(value));
}

/** Whether no header is set. Most frameworks hand all of theirs to `writeHead`, at the end. */
export function hasNoHeaders(response: ServerResponse): boolean {
  return response.getHeaderNames().length === 0;
}

/** The headers that are set, in a copy that later changes don't reach; `undefined` where no header is set. */
export function copyOfHeaders(response: ServerResponse): OutgoingHttpHeaders | undefined {
  if (hasNoHeaders(response)) return undefined;
  const headers = response.getHeaders();
  for (const name in headers) headers[name] = copyOf(headers[name]);
  return headers;
}

/** `appendHeader` extends a list of values in place, so the list is copied. */
function copyOf<Value extends OutgoingHttpHeader | undefined>(value: Value): Value | string[] {
  return Array.isArray(value) ? [...value] : value;
}

/**
 * The headers that are set, but for those that are as they were before: what middleware in front sets is of each request
 * (its id, its origin, its place in a rate limit), and none of an answer's.
 */
export function headersOver(response: ServerResponse, before: OutgoingHttpHeaders = noHeaders): HeaderList {
  const list: HeaderList = [];
  for (const name of response.getHeaderNames()) {
    const value = response.getHeader(name);
    if (!isSame(value, before[name])) addHeader(list, name, value);
  }
  return list;
}

/** The names of headers that were there before, and are no longer; `undefined` where there are none. */
export function headersRemoved(
  response: ServerResponse,
  before: OutgoingHttpHeaders | undefined,
): string[] | undefined {
  if (before === undefined) return undefined;
  const removed = Object.keys(before).filter((name) => !response.hasHeader(name));
  return removed.length > 0 ? removed : undefined;
}

/** Has no names but those that were put into it. */
const noHeaders: OutgoingHttpHeaders = Object.freeze(Object.create(null) as OutgoingHttpHeaders);

function isSame(value: OutgoingHttpHeader | undefined, other: OutgoingHttpHeader | undefined): boolean {
  if (value === other || value === undefined || other === undefined) return value === other;
  if (!Array.isArray(value) && !Array.isArray(other)) return String(value) === String(other);
  const [values, others] = [[value].flat(), [other].flat()];
  return values.length === others.length && values.every((one, index) => String(one) === String(others[index]));
}

/** The headers that a response is to send. */
export interface WantedHeaders {
  /** The headers that middleware in front had set. */
  readonly before: OutgoingHttpHeaders | undefined;
  /** Of that, what is not to be sent: names in lower case. */
  readonly without: readonly string[];
  /** The headers over or beside those: names in lower case and values, in turn. */
  readonly over: readonly string[];
}

/**
 * Has a response send these headers, and of others only those of its connection. One that is set as it is to be is left
 * alone: to set a header costs several times as much as to look at it.
 */
export function replaceHeaders(response: ServerResponse, { before = noHeaders, without, over }: WantedHeaders): void {
  const finalValue = (name: string): OutgoingHttpHeader | undefined =>
    valueIn(over, name) ?? (without.includes(name) ? undefined : before[name]);
  for (const name of response.getHeaderNames()) {
    if (finalValue(name) === undefined && !ofConnection.has(name)) response.removeHeader(name);
  }
  for (const name in before) setHeader(response, name, finalValue(name));
  for (let at = 0; at < over.length; at += 2) setHeader(response, over[at]!, finalValue(over[at]!));
}

function setHeader(response: ServerResponse, name: string, value: OutgoingHttpHeader | undefined): void {
  if (value !== undefined && !isSame(response.getHeader(name), value)) response.setHeader(name, copyOf(value));
}

/** The value of a name in a list of names and values; all of them, where it stands there several times. */
function valueIn(list: readonly string[], name: string): string | string[] | undefined {
  let values: string | string[] | undefined;
  for (let at = 0; at < list.length; at += 2) {
    if (list[at] !== name) continue;
    const value = list[at + 1]!;
    if (values === undefined) values = value;
    else if (typeof values === "string") values = [values, value];
    else values.push(value);
  }
  return values;
}

/** The headers in a head as Node writes it, without those of the connection and of the bytes that are sent. */
export function headersIn(head: string): HeaderList {
  const list: HeaderList = [];
  // Each line has an end, and an empty one ends the head.
  for (let start = head.indexOf("\r\n") + 2, end; (end = head.indexOf("\r\n", start)) > start; start = end + 2) {
    const colon = head.indexOf(":", start);
    const name = head.slice(start, colon).toLowerCase();
    const value = head.slice(colon + 2, end);
    if (name === "content-length" || (!ofConnection.has(name) && !ofBody.has(name))) list.push([name, value]);
  }
  return list;
}

/** The characters that every encoding writes as the same bytes. */
const asciiValue = /^[\t -~]*$/;

/**
 * Headers with the bytes that went out, one for each character, as a repeat sends them: Node writes a head in the encoding of
 * the text that follows it, and decodes some values.
 */
export function headersAsWritten(headers: HeaderList, head: string, encoding: BufferEncoding): HeaderList {
  if (headers.every(([, value]) => asciiValue.test(value))) return headers;
  const lines = headersIn(head);
  return headers.map(([name, value]) => {
    const at = lines.findIndex(([other]) => other === name.toLowerCase());
    const [line] = at < 0 ? [] : lines.splice(at, 1);
    return [name, latin1(line?.[1] ?? value, encoding)];
  });
}

/** The bytes of a text in an encoding, one for each character. */
export function latin1(text: string, encoding: BufferEncoding): string {
  return Buffer.from(text, encoding).toString("latin1");
}

function addHeader(list: HeaderList, name: string, value: OutgoingHttpHeader | undefined): void {
  if (Array.isArray(value)) for (const one of value) list.push([name, one]);
  else if (value !== undefined) list.push([name, String(value)]);
}
