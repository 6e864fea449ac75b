import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { gatewayTo, keyedRoute } from "./start-gateway.ts";

/** A service that answers each request with its path, and can send more than that. */
async function startService(answerTo: (path: string) => string) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      const [, path] = /^\w+ (\S+) HTTP/.exec(String(chunk)) ?? [];
      if (path !== undefined) socket.write(answerTo(path));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

const answer = (text: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`;

async function gatewayOf(answerTo: (path: string) => string) {
  const { url, sockets } = await startService(answerTo);
  const onUnaskedBytes = vi.fn<(service: string) => void>();
  const onError = vi.fn<(error: unknown) => void>();
  const gateway = await gatewayTo(url, { routes: [keyedRoute], onUnaskedBytes, onError });
  const get = async (path: string): Promise<string> => (await fetch(gateway.url + path)).text();
  const order = async (key: string): Promise<string> =>
    (await fetch(`${gateway.url}/orders`, { method: "POST", headers: { "idempotency-key": key }, body: "{}" })).text();
  return { url, sockets, onUnaskedBytes, onError, get, order };
}

test("callers share the connections of a service that answers as it is asked", async () => {
  const { sockets, onUnaskedBytes, get, order } = await gatewayOf(answer);
  expect([await get("/a"), await order("k-1"), await get("/b")]).toEqual(["/a", "/orders", "/b"]);
  expect(sockets).toHaveLength(1);
  expect(onUnaskedBytes).not.toHaveBeenCalled();
});

// A body behind HEAD reaches no caller: undici ends the connection with the head.
test.for<[what: string, answerTo: (path: string) => string]>([
  ["a second answer", (path) => answer(path) + answer("another's")],
  ["bytes that are no answer", (path) => `${answer(path)}more`],
  ["a body behind 204", () => "HTTP/1.1 204 No Content\r\n\r\nanother's"],
  ["a body behind 304", () => "HTTP/1.1 304 Not Modified\r\n\r\nanother's"],
])("once a service has sent %s, none of its connections is shared", async ([, answerTo]) => {
  const { url, sockets, onUnaskedBytes, onError, get, order } = await gatewayOf((path) =>
    path === "/bad" ? answerTo(path) : answer(path) + answer("another's"),
  );
  await get("/bad");
  await expect.poll(() => onUnaskedBytes.mock.calls).toEqual([[url]]);
  expect(onError.mock.calls.flat().map(String)).toEqual([
    `Error: ${url} sent more than it was asked for. Each request to it has a separate connection now.`,
  ]);
  const before = sockets.length;
  const answers = [await get("/a"), await order("k-1"), await get("/b"), await order("k-2")];
  expect(answers).toEqual(["/a", "/orders", "/b", "/orders"]);
  expect(sockets.length - before).toBe(4);
  expect(onUnaskedBytes).toHaveBeenCalledTimes(1);
});

test("a second answer that comes while nothing is asked is found, too", async () => {
  const { url, sockets, onUnaskedBytes, get } = await gatewayOf(answer);
  await get("/a");
  sockets[0]!.write(answer("another's"));
  await expect.poll(() => onUnaskedBytes.mock.calls).toEqual([[url]]);
  expect([await get("/b"), await get("/c")]).toEqual(["/b", "/c"]);
  expect(sockets).toHaveLength(3);
});
