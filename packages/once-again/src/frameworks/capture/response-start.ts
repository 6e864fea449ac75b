import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

/** A response as middleware in front left it. */
export interface ResponseStart {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders | undefined;
}

/** Sets status and headers on a response to which nothing was written. */
export function setStart(response: ServerResponse, { status, headers }: ResponseStart): void {
  response.statusCode = status;
  for (const name in headers) {
    const value = headers[name]!;
    response.setHeader(name, Array.isArray(value) ? [...value] : value);
  }
}
