import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { oneRetryAfter } from "../support/retry-after.ts";
import { gatewayTo, keyedRoute } from "./start-gateway.ts";

// A service that can't be reached, and callers that are asked to come back later and later.

/** A service that can be away, on one port. */
async function startService() {
  let server: Server | undefined;
  const listen = async (port: number): Promise<number> => {
    server = createServer((incoming, response) => incoming.resume().once("end", () => response.end("fine")));
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  const leave = async (): Promise<void> => {
    const gone = once(server!, "close");
    server!.closeAllConnections();
    server!.close();
    await gone;
  };
  const port = await listen(0);
  onTestFinished(() => void server!.close());
  return { url: `http://127.0.0.1:${port}`, leave, comeBack: () => listen(port) };
}

afterEach(() => {
  vi.restoreAllMocks();
});

/** Lets time pass on the machine's clock. */
function passTime(ms: number): void {
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => now() + ms);
}

let keys = 0;
const post = (url: string): Promise<Response> =>
  fetch(url, { method: "POST", headers: { "idempotency-key": `k-${(keys += 1)}` }, body: "{}" });

/** `fetch` sends no expectation. */
async function expecting(url: string): Promise<Response> {
  const sent = request(url, { method: "PUT", headers: { expect: "100-continue", "content-length": 0 } });
  sent.on("error", () => undefined).end();
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  const { statusCode = 0, headers } = answer;
  return new Response(await text(answer), { status: statusCode, headers: headers as Record<string, string> });
}

test.for<[what: string, send: (url: string) => Promise<Response>]>([
  ["a request that passes through", (url) => fetch(url)],
  ["one that needs a separate connection", expecting],
  ["an operation with a key", post],
])("%s: the times grow while the service is away, until it can be reached", async ([, send]) => {
  const { url, leave, comeBack } = await startService();
  const gateway = await gatewayTo(url, { routes: [keyedRoute] });
  const refused = async (): Promise<string | null> => {
    const response = await send(gateway.url);
    expect(response.status).toBe(503);
    await response.arrayBuffer();
    return response.headers.get("retry-after");
  };
  await leave();
  expect(await refused()).toEqual(oneRetryAfter);
  passTime(40_000);
  for (let sent = 0; sent < 10; sent += 1) {
    const seconds = Number(await refused());
    expect(seconds).toBeGreaterThanOrEqual(10);
    // A route adds up to 2 s to the time that its handler names.
    expect(seconds).toBeLessThanOrEqual(32);
  }
  await comeBack();
  const response = await send(gateway.url);
  expect([response.status, await response.text()]).toEqual([200, "fine"]);
  await leave();
  expect(await refused()).toEqual(oneRetryAfter);
});
