import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** A handler in the web's own terms, as Hono, Deno, Bun and `onceWeb` have them. */
export type WebHandler = (request: Request) => Response | Promise<Response>;

/** Serves a web-standard handler by `node:http`. An error that it throws is answered with 500, and is the body. */
export function listenerOf(handler: WebHandler): RequestListener {
  return (incoming, outgoing) => {
    answer(handler, incoming, outgoing).catch((error: unknown) => {
      // Its caller is gone, or it failed before it had an answer.
      if (!outgoing.headersSent) outgoing.statusCode = 500;
      outgoing.end(outgoing.headersSent ? undefined : String(error));
    });
  };
}

async function answer(handler: WebHandler, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const response = await handler(requestOf(incoming, outgoing));
  // Several cookies are several headers.
  for (const [name, value] of response.headers) outgoing.appendHeader(name, value);
  outgoing.writeHead(response.status);
  if (response.body === null) outgoing.end();
  else await pipeline(Readable.fromWeb(response.body), outgoing);
}

function requestOf(incoming: IncomingMessage, outgoing: ServerResponse): Request {
  const { method = "GET", url = "/", headersDistinct } = incoming;
  const gone = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) gone.abort();
  });
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  return new Request(`http://${headers.get("host") ?? "localhost"}${url}`, {
    method,
    headers,
    signal: gone.signal,
    body: method === "GET" || method === "HEAD" ? null : Readable.toWeb(incoming),
    duplex: "half",
  });
}
