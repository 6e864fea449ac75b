import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from "node:http";

/** How `writeHead` takes headers: as an object, or as a list of names and values in turn, or of pairs of them. */
export type HeadersArgument = OutgoingHttpHeaders | OutgoingHttpHeader[] | [string, OutgoingHttpHeader][] | undefined;

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

/** The headers that are set, a repeated one once for each value. */
export function headersOf(response: ServerResponse): [string, string][] {
  return response.getHeaderNames().flatMap((name) => {
    const value = response.getHeader(name) ?? [];
    return (Array.isArray(value) ? value : [value]).map((one): [string, string] => [name, String(one)]);
  });
}
