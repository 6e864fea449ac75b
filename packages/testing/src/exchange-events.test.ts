import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ExchangeEvent, Fault, FaultPlan } from "./fault.ts";
import { flakyNetwork, type FlakyNetwork } from "./flaky-network.ts";

let server: Server;
let requests: number;
let network: FlakyNetwork | undefined;
let events: string[];

beforeEach(async () => {
  requests = 0;
  events = [];
  server = createServer((incoming, outgoing) => {
    requests += 1;
    if (incoming.url === "/dies") incoming.socket.destroy();
    else if (incoming.url !== "/waits") outgoing.writeHead(201).end("done");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
});

afterEach(async () => {
  await network?.close();
  server.closeAllConnections();
  server.close();
});

const record = ({ index }: { index: number }, event: ExchangeEvent): void => {
  const detail = event.type === "answered" ? ` ${event.bytes.toString("latin1", 0, "HTTP/1.1 201".length)}` : "";
  events.push(`${index} ${event.type}${detail}`);
};

async function start(plan: FaultPlan): Promise<FlakyNetwork> {
  network = await flakyNetwork({
    upstream: () => ({ port: (server.address() as AddressInfo).port }),
    plan,
    onEvent: record,
  });
  return network;
}

const post = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${network!.url}${path}`, { method: "POST", body: "order", ...init });

test.for<[scenario: Fault["scenario"], events: string[]]>([
  ["pass", ["0 answered HTTP/1.1 201", "0 heard"]],
  ["lose-request", ["0 lost", "0 heard"]],
  ["fail", ["0 failed", "0 heard"]],
  ["lose-answer", ["0 answered HTTP/1.1 201", "0 heard"]],
])("the events of %s say where the request ended, and when its caller gets the end", async ([scenario, expected]) => {
  await start(() => ({ scenario }));
  await post("/").catch(() => undefined);
  expect(events).toEqual(expected);
});

test("each exchange of one connection has its own events", async () => {
  await start(() => ({ scenario: "pass" }));
  for (const path of ["/one", "/two"]) await (await post(path)).text();
  expect(events).toEqual(["0 answered HTTP/1.1 201", "0 heard", "1 answered HTTP/1.1 201", "1 heard"]);
});

test("a server that dies breaks the exchange, once", async () => {
  await start(() => ({ scenario: "pass" }));
  await expect(post("/dies")).rejects.toThrow(TypeError);
  expect(events).toEqual(["0 broken"]);
});

test("a caller that closes its connection before it is answered has left", async () => {
  const { port } = await start(() => ({ scenario: "pass" }));
  const socket = connect(port, "127.0.0.1");
  socket.write("POST /waits HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  await expect.poll(() => requests, { interval: 2 }).toBe(1);
  socket.resetAndDestroy();
  await expect.poll(() => events, { interval: 2 }).toEqual(["0 left"]);
});

test("a plan that takes its time holds the request up, and nothing reaches the server before", async () => {
  const { promise, resolve } = Promise.withResolvers<Fault>();
  const plan = vi.fn<FaultPlan>(() => promise);
  await start(plan);
  const answer = post("/");
  await expect.poll(() => plan, { interval: 2 }).toHaveBeenCalledOnce();
  expect({ requests, passed: network!.counts.pass, events }).toEqual({ requests: 0, passed: 0, events: [] });
  resolve({ scenario: "pass" });
  expect((await answer).status).toBe(201);
  expect(network!.counts.pass).toBe(1);
});

test("a request goes nowhere when its connection is gone before its plan decides", async () => {
  const { promise, resolve } = Promise.withResolvers<Fault>();
  const plan = vi.fn<FaultPlan>(() => promise);
  await start(plan);
  const answer = post("/").catch(() => "gone");
  await expect.poll(() => plan, { interval: 2 }).toHaveBeenCalledOnce();
  await network!.close();
  resolve({ scenario: "pass" });
  expect(await answer).toBe("gone");
  await expect.poll(() => events, { interval: 2 }).toEqual(["0 left"]);
  expect(requests).toBe(0);
});
