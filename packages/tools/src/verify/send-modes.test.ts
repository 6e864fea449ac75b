import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { startHttpServer } from "../../../../test/support/http-server.ts";
import { type SendMode, socketSender } from "./send-modes.ts";
import type { TestRequest } from "./test-request.ts";

const order: TestRequest = {
  method: "POST",
  target: "/orders?a=1",
  headers: [],
  body: Buffer.from("tea"),
  framing: "length",
};

const senderTo = (url: string) =>
  socketSender(new URL(url), { timeoutMs: 60_000, signal: new AbortController().signal });

/** The answers, and what the server had seen when they were there. */
async function sendAs(mode: SendMode): Promise<{ responses: number; seen: string[] }> {
  const seen: string[] = [];
  const url = await startHttpServer((request, response) => {
    if (request.url === "/orders/verify-turn") {
      seen.push("turn");
      return void response.writeHead(404).end();
    }
    request.socket.once("close", () => seen.push("closed")).on("error", () => undefined);
    request.on("error", () => seen.push("half")).resume();
    request.once("end", () => {
      seen.push("whole");
      if (mode === "reset-in-answer") response.write("o");
    });
  });
  const { length } = await senderTo(url)({ mode, requests: [order] });
  return { responses: length, seen };
}

test.for([
  ["then-close", ["whole", "turn", "closed", "turn"]],
  ["then-reset", ["whole", "turn", "closed", "turn"]],
  ["reset-in-answer", ["whole", "closed", "turn"]],
  ["half-then-close", ["closed", "half"]],
] as const)(
  "a caller leaves when its request is read, and is gone when the server has seen that: %s",
  async ([mode, seen]) => {
    expect(await sendAs(mode)).toEqual({ responses: 0, seen });
  },
);

test("half a request is read before the others are sent beside it", async () => {
  const seen: string[] = [];
  const url = await startHttpServer((request, response) => {
    seen.push(request.url!);
    request.on("error", () => undefined);
    response.writeHead(200).end();
  });
  const half = { ...order, target: "/half" };
  expect(await senderTo(url)({ mode: "beside-a-stalled", requests: [half, order] })).toHaveLength(1);
  expect(seen).toEqual(["/half", "/half/verify-turn", "/orders?a=1"]);
});

test("a server that never ends a connection is not waited for", async () => {
  const tcp = createServer({ allowHalfOpen: true }, (socket) => void socket.on("error", () => undefined).resume());
  tcp.listen(0, "127.0.0.1");
  await once(tcp, "listening");
  onTestFinished(() => void tcp.close());
  const url = new URL(`http://127.0.0.1:${(tcp.address() as AddressInfo).port}`);
  const send = socketSender(url, { timeoutMs: 100, signal: new AbortController().signal });
  expect(await send({ mode: "half-then-close", requests: [order] })).toEqual([]);
  expect(await send({ mode: "then-close", requests: [order] })).toEqual([]);
});

type Ending = "it keeps it" | "Connection: close" | "HTTP/1.0" | "no length" | "no word";

const responses: Readonly<Record<Ending, string>> = {
  "it keeps it": "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
  "Connection: close": "HTTP/1.1 201 Created\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok",
  "HTTP/1.0": "HTTP/1.0 201 Created\r\nContent-Length: 2\r\n\r\nok",
  "no length": "HTTP/1.1 201 Created\r\n\r\nok",
  "no word": "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
};

/** A server that answers each request, and may end the connection. */
async function startEnding(ending: Ending, onConnection: () => void): Promise<string> {
  const tcp = createServer((socket) => {
    onConnection();
    socket
      .on("error", () => undefined)
      .on("data", (bytes) => {
        if (!bytes.includes("POST")) return;
        // One that has said so leaves it to its caller.
        if (ending === "no length" || ending === "no word") socket.end(responses[ending]);
        else socket.write(responses[ending]);
      });
  }).listen(0, "127.0.0.1");
  await once(tcp, "listening");
  onTestFinished(() => void tcp.close());
  return `http://127.0.0.1:${(tcp.address() as AddressInfo).port}`;
}

test.for<[Ending, connections: number]>([
  ["it keeps it", 1],
  ["Connection: close", 3],
  ["HTTP/1.0", 3],
  ["no length", 3],
  ["no word", 3],
])("requests go on over another connection where the server ends one: %s", async ([ending, count]) => {
  let connections = 0;
  const url = await startEnding(ending, () => (connections += 1));
  const found = await senderTo(url)({ mode: "keep-alive", requests: [order, order, order] });
  expect(found.map(({ status, body, isReused }) => [status, String(body), isReused])).toEqual(
    [false, count === 1, count === 1].map((isReused) => [201, "ok", isReused]),
  );
  expect(connections).toBe(count);
});

test("a response that breaks off is an error, also over a connection that brought one before", async () => {
  let requests = 0;
  const tcp = createServer((socket) => {
    socket
      .on("error", () => undefined)
      .on("data", () => {
        requests += 1;
        if (requests === 1) socket.write(responses["it keeps it"]);
        else socket.end("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n");
      });
  }).listen(0, "127.0.0.1");
  await once(tcp, "listening");
  onTestFinished(() => void tcp.close());
  const url = `http://127.0.0.1:${(tcp.address() as AddressInfo).port}`;
  await expect(senderTo(url)({ mode: "keep-alive", requests: [order, order] })).rejects.toThrow("no whole answer");
  expect(requests).toBe(2);
});

test("pipelined requests get as many responses as come, and say which share a connection", async () => {
  const all = await senderTo(await startEnding("it keeps it", () => undefined))({
    mode: "pipelined",
    requests: [order],
  });
  expect(all.map(({ isReused }) => isReused)).toEqual([false]);
  const tcp = createServer((socket) => void socket.once("data", () => socket.resetAndDestroy()));
  tcp.listen(0, "127.0.0.1");
  await once(tcp, "listening");
  onTestFinished(() => void tcp.close());
  const url = `http://127.0.0.1:${(tcp.address() as AddressInfo).port}`;
  expect(await senderTo(url)({ mode: "pipelined", requests: [order, order] })).toEqual([]);
});

test("beside a request that stands still nothing can be asked of a server with one connection at a time", async () => {
  const tcp = createServer((socket) => void socket.on("error", () => undefined).resume()).listen(0, "127.0.0.1");
  await once(tcp, "listening");
  onTestFinished(() => void tcp.close());
  const url = new URL(`http://127.0.0.1:${(tcp.address() as AddressInfo).port}`);
  const send = socketSender(url, { timeoutMs: 400, signal: new AbortController().signal });
  await expect(send({ mode: "beside-a-stalled", requests: [order, order] })).rejects.toThrow("stands still");
});
