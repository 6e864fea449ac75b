import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ExchangeNews, Fault, FaultPlan } from "./fault.ts";
import { flakyNetwork, type FlakyNetwork } from "./flaky-network.ts";

let server: Server;
let requests: number;
let network: FlakyNetwork | undefined;
let news: string[];

beforeEach(async () => {
  requests = 0;
  news = [];
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

const told = ({ index }: { index: number }, event: ExchangeNews): void => {
  const detail = event.at === "answered" ? ` ${event.bytes.toString("latin1", 0, "HTTP/1.1 201".length)}` : "";
  news.push(`${index} ${event.at}${detail}`);
};

async function start(plan: FaultPlan): Promise<FlakyNetwork> {
  network = await flakyNetwork({
    upstream: () => ({ port: (server.address() as AddressInfo).port }),
    plan,
    onNews: told,
  });
  return network;
}

const post = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${network!.url}${path}`, { method: "POST", body: "order", ...init });

test.for<[scenario: Fault["scenario"], news: string[]]>([
  ["pass", ["0 answered HTTP/1.1 201", "0 heard"]],
  ["lose-request", ["0 lost", "0 heard"]],
  ["fail", ["0 failed", "0 heard"]],
  ["lose-answer", ["0 answered HTTP/1.1 201", "0 heard"]],
])("the news of %s say where the request ended, and when its caller hears", async ([scenario, expected]) => {
  await start(() => ({ scenario }));
  await post("/").catch(() => undefined);
  expect(news).toEqual(expected);
});

test("each exchange of one connection has its own news", async () => {
  await start(() => ({ scenario: "pass" }));
  for (const path of ["/one", "/two"]) await (await post(path)).text();
  expect(news).toEqual(["0 answered HTTP/1.1 201", "0 heard", "1 answered HTTP/1.1 201", "1 heard"]);
});

test("a server that dies breaks the exchange, once", async () => {
  await start(() => ({ scenario: "pass" }));
  await expect(post("/dies")).rejects.toThrow(TypeError);
  expect(news).toEqual(["0 broken"]);
});

test("a caller that closes its connection before it is answered has left", async () => {
  const { port } = await start(() => ({ scenario: "pass" }));
  const socket = connect(port, "127.0.0.1");
  socket.write("POST /waits HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  await vi.waitFor(() => expect(requests).toBe(1), { interval: 2 });
  socket.resetAndDestroy();
  await vi.waitFor(() => expect(news).toEqual(["0 left"]), { interval: 2 });
});

test("a plan that takes its time holds the request up, and nothing reaches the server before", async () => {
  const { promise, resolve } = Promise.withResolvers<Fault>();
  const plan = vi.fn<FaultPlan>(() => promise);
  await start(plan);
  const answer = post("/");
  await vi.waitFor(() => expect(plan).toHaveBeenCalledOnce(), { interval: 2 });
  expect({ requests, passed: network!.counts.pass, news }).toEqual({ requests: 0, passed: 0, news: [] });
  resolve({ scenario: "pass" });
  expect((await answer).status).toBe(201);
  expect(network!.counts.pass).toBe(1);
});

test("a request whose connection is gone when its plan decides goes nowhere", async () => {
  const { promise, resolve } = Promise.withResolvers<Fault>();
  const plan = vi.fn<FaultPlan>(() => promise);
  await start(plan);
  const answer = post("/").catch(() => "gone");
  await vi.waitFor(() => expect(plan).toHaveBeenCalledOnce(), { interval: 2 });
  await network!.close();
  resolve({ scenario: "pass" });
  expect(await answer).toBe("gone");
  await vi.waitFor(() => expect(news).toEqual(["0 left"]), { interval: 2 });
  expect(requests).toBe(0);
});
