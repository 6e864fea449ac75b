import {
  type OutgoingHttpHeader,
  type OutgoingHttpHeaders,
  type ServerResponse,
  validateHeaderName,
  validateHeaderValue,
} from "node:http";

/** How `writeHead` takes headers: as an object, or as a list of names and values in turn, or of pairs of them. */
export type HeadersArgument = OutgoingHttpHeaders | OutgoingHttpHeader[] | [string, OutgoingHttpHeader][] | undefined;

/** Headers as they are kept: a repeated one stands there once for each value. */
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

/** The headers that are set, as they stay when others are added to them; `undefined` where there is none. */
export function copyOfHeaders(response: ServerResponse): OutgoingHttpHeaders | undefined {
  if (hasNoHeaders(response)) return undefined;
  const headers = response.getHeaders();
  for (const name in headers) headers[name] = copyOf(headers[name]);
  return headers;
}

/** A list of values is extended in its place by whoever appends another. */
function copyOf<Value extends OutgoingHttpHeader | undefined>(value: Value): Value | string[] {
  return Array.isArray(value) ? [...value] : value;
}

/** The headers that are set. */
export function headersOf(response: ServerResponse): HeaderList {
  const list: HeaderList = [];
  for (const name of response.getHeaderNames()) addHeader(list, name, response.getHeader(name));
  return list;
}

/**
 * Headers, but for those that are as they were before: what middleware in front sets is of each request (its id, its
 * origin, its place in a rate limit), and none of an answer's.
 */
export function headersOver(before: OutgoingHttpHeaders, headers: HeaderList): HeaderList {
  return headers.filter(([name]) => !(name in before) || !isSame(valuesOf(headers, name), before[name]));
}

/** The names of headers that were there before, and are no longer. */
export function headersRemoved(before: OutgoingHttpHeaders, headers: HeaderList): string[] {
  return Object.keys(before).filter((name) => !headers.some(([set]) => set === name));
}

function valuesOf(headers: HeaderList, lowerCaseName: string): string[] {
  return headers.filter(([name]) => name === lowerCaseName).map(([, value]) => value);
}

function isSame(values: string[], other: OutgoingHttpHeader | undefined): boolean {
  const others = Array.isArray(other) ? other : [String(other)];
  return values.length === others.length && values.every((value, index) => value === others[index]);
}

/** Takes back what a handler did to the headers. */
export function restoreHeaders(response: ServerResponse, before: OutgoingHttpHeaders = {}): void {
  for (const name of response.getHeaderNames()) {
    if (!(name in before) && !ofConnection.has(name)) response.removeHeader(name);
  }
  for (const name in before) {
    const value = before[name];
    if (value !== undefined && response.getHeader(name) !== value) response.setHeader(name, copyOf(value));
  }
}

/** @throws TypeError of Node for a reason phrase that can't be sent. */
export function validateReason(reason: string | undefined): void {
  if (reason) validateHeaderValue("reason", reason);
}

/**
 * The headers that `writeHead` would send of an object when no others are set.
 *
 * @throws TypeError of Node for a name or a value that can't be sent.
 */
export function headersToWrite(headers: OutgoingHttpHeaders): HeaderList {
  const list: HeaderList = [];
  for (const name of Object.keys(headers)) addHeader(list, name.toLowerCase(), headers[name]);
  for (const [name, value] of list) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
  return list;
}

function addHeader(list: HeaderList, name: string, value: OutgoingHttpHeader | undefined): void {
  if (Array.isArray(value)) for (const one of value) list.push([name, one]);
  else if (value !== undefined) list.push([name, String(value)]);
}
