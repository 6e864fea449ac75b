import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";

/** The server's action for one request. */
export type Act = (response: ServerResponse, request: IncomingMessage) => unknown;

export const answer =
  (status: number, headers: Record<string, string> = {}, body = `status ${status}`): Act =>
  (response) =>
    response.writeHead(status, headers).end(body);
export const reset: Act = (response) => response.socket?.resetAndDestroy();
export const hang: Act = () => undefined;
export const breakOff: Act = (response) => {
  response.writeHead(201, { "content-length": "10" }).write("half", () => response.socket?.destroy());
};

/** Starts a server that does what its script says, and answers 200 when nothing is left; it ends with the test. */
export async function scriptedServer() {
  const script: Act[] = [];
  const received: { method: string; path: string; key: string; type: string; authorization: string; body: string }[] =
    [];
  let running = 0;
  let runningMax = 0;

  const server = createServer(async (request, response) => {
    running += 1;
    runningMax = Math.max(runningMax, running);
    response.once("close", () => (running -= 1));
    const { headers, method = "", url: path = "" } = request;
    received.push({
      method,
      path,
      key: String(headers["idempotency-key"]),
      type: String(headers["content-type"]),
      authorization: String(headers.authorization),
      body: await text(request),
    });
    await (script.shift() ?? answer(200))(response, request);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/orders`, script, received, concurrencyMax: () => runningMax };
}
