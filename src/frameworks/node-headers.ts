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

/** The headers that are set. */
export function headersOf(response: ServerResponse): HeaderList {
  return listOf(response.getHeaderNames().map((name) => [name, response.getHeader(name)]));
}

/**
 * The headers that `writeHead` would send of an object when no others are set.
 *
 * @throws TypeError of Node for a name or a value that can't be sent.
 */
export function headersToWrite(headers: OutgoingHttpHeaders): HeaderList {
  const list = listOf(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  for (const [name, value] of list) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
  return list;
}

function listOf(headers: [name: string, value: OutgoingHttpHeader | undefined][]): HeaderList {
  const list: HeaderList = [];
  for (const [name, value] of headers) {
    if (Array.isArray(value)) for (const one of value) list.push([name, one]);
    else if (value !== undefined) list.push([name, String(value)]);
  }
  return list;
}
