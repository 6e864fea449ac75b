import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** The handler of an exercise: a request in, a response out. */
export type Handler = (request: Request) => Promise<Response>;

/** A server that listens on 127.0.0.1 until it is disposed of. */
export interface Served extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
}

/** Serves a handler over HTTP. If it throws, the response is a 500 with the error's text. */
export async function serveHandler(handler: Handler): Promise<Served> {
  const server = createServer((incoming, outgoing) => {
    respond(handler, incoming, outgoing).catch((error: unknown) => {
      if (!outgoing.headersSent) outgoing.statusCode = 500;
      outgoing.end(String(error));
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server.close(), "close");
      server.closeAllConnections();
      await closed;
    },
  };
}

async function respond(handler: Handler, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { method = "GET", url = "/", headersDistinct } = incoming;
  const body = await buffer(incoming);
  const headers = Object.entries(headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  );
  const hasBody = method !== "GET" && method !== "HEAD";
  const response = await handler(
    new Request(`http://127.0.0.1${url}`, { method, headers, ...(hasBody && { body: new Uint8Array(body) }) }),
  );
  const bytes = new Uint8Array(await response.arrayBuffer());
  for (const [name, value] of response.headers) outgoing.appendHeader(name, value);
  outgoing.writeHead(response.status).end(bytes);
}
