import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { memoryStore } from "once-again/stores/memory";
import { expect, onTestFinished, test } from "vitest";
import { startHttpServer } from "../support/http-server.ts";
import { gatewayTo, keyedRoute } from "./start-gateway.ts";
import { dial, statuses, talk } from "./talk.ts";
import { oneRetryAfter } from "../support/retry-after.ts";

/** The rules of a gateway to a service with eight places; callers have the addresses that the proxy names. */
const eight = {
  trustProxy: true,
  routes: [keyedRoute],
  limits: { connectionsMax: 8, placeMs: 600_000 },
} as const;

/** A service that responds at /slow when `next` is called, and everywhere else at once. */
async function startService() {
  const waiting: ServerResponse[] = [];
  /** How many requests for /slow came, by the account or the address that they are of. */
  const seen: Record<string, number> = {};
  const url = await startHttpServer((request, response) => {
    if (request.url !== "/slow") return void response.end("fast");
    const owner = ownerOf(request);
    seen[owner] = (seen[owner] ?? 0) + 1;
    waiting.push(response);
  });
  return { url, seen, waiting, next: () => waiting.shift()?.end("slow") };
}

const ownerOf = ({ headers }: IncomingMessage): string =>
  String(headers["x-account"] ?? String(headers["x-forwarded-for"]).split(",")[0]);

/** Begins an upload of which no byte follows. */
async function upload(url: string, address: string): Promise<Socket> {
  const socket = await dial(url);
  const head = ["PUT /slow HTTP/1.1", "Host: a", `X-Forwarded-For: ${address}`, "Transfer-Encoding: chunked"];
  socket.write([...head, "", "1\r\na\r\n"].join("\r\n"));
  return socket;
}

/** A reset is an end, too. */
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once("close", () => resolve()));

const get = (url: string, address: string, path = "/"): Promise<Response> =>
  fetch(`${url}${path}`, { headers: { "x-forwarded-for": address } });

let keys = 0;
const post = (url: string, account: string, path = "/", key = `key-${(keys += 1)}`): Promise<Response> =>
  fetch(`${url}${path}`, { method: "POST", headers: { "x-account": account, "idempotency-key": key } });

/** How full the service behind a gateway is. */
const placesOf = async (url: string): Promise<{ free: number; passThroughFree: number; waiting: number }> =>
  ((await (await fetch(`${url}/-/ready`)).json()) as { places: [never] }).places[0];

test("an address of many slow uploads leaves a place to others, and to operations with keys theirs", async () => {
  const service = await startService();
  const { url } = await gatewayTo(service.url, eight);
  const sockets = await Promise.all(Array.from({ length: 20 }, () => upload(url, "10.0.0.1")));
  // Six of eight are for what passes through, and an address has three times as many as are free at most.
  await expect.poll(() => placesOf(url)).toMatchObject({ free: 3, passThroughFree: 1, waiting: 15 });
  expect(service.seen).toEqual({ "10.0.0.1": 5 });
  expect(await (await get(url, "10.0.0.2")).text()).toBe("fast");
  expect((await post(url, "victim")).status).toBe(200);
  for (const socket of sockets) socket.destroy();
  await expect.poll(() => placesOf(url)).toMatchObject({ free: 8, passThroughFree: 6, waiting: 0 });
});

test("what passes through of many addresses leaves operations with keys their places", async () => {
  const service = await startService();
  const { url } = await gatewayTo(service.url, eight);
  const sockets = await Promise.all(Array.from({ length: 20 }, (_, at) => upload(url, `10.0.0.${at}`)));
  await expect.poll(() => placesOf(url)).toMatchObject({ free: 2, passThroughFree: 0, waiting: 14 });
  expect((await post(url, "victim")).status).toBe(200);
  for (const socket of sockets) socket.destroy();
});

test("an account of many slow operations leaves a place to other accounts", async () => {
  const service = await startService();
  const { url } = await gatewayTo(service.url, eight);
  const slow = Array.from({ length: 20 }, () => post(url, "greedy", "/slow"));
  await expect.poll(() => placesOf(url)).toMatchObject({ free: 2, waiting: 14 });
  expect(service.seen).toEqual({ greedy: 6 });
  expect((await post(url, "victim")).status).toBe(200);
  for (let ended = 0; ended < slow.length; ended += 1) {
    await expect.poll(() => service.waiting.length).toBeGreaterThan(0);
    service.next();
  }
  expect((await Promise.all(slow)).map(({ status }) => status)).toEqual(slow.map(() => 200));
});

test.for<[what: string, send: typeof get]>([
  ["a request that passes through", get],
  ["an operation with a key", (url, owner, path) => post(url, owner, path, "key")],
])("%s that finds no place in time is refused, and reaches the service never", async ([, send]) => {
  const service = await startService();
  const { url } = await gatewayTo(service.url, { ...eight, limits: { connectionsMax: 1, placeMs: 20 } });
  const first = get(url, "10.0.0.9", "/slow");
  await expect.poll(() => service.waiting.length).toBe(1);
  const refused = await send(url, "other", "/");
  const { status, headers } = refused;
  expect([status, headers.get("retry-after"), await refused.json()]).toMatchObject([
    503,
    oneRetryAfter,
    { code: "ONCE_NO_EFFECT" },
  ]);
  service.next();
  await first;
  // The key is free again.
  expect(await (await send(url, "other", "/")).text()).toBe("fast");
});

test("a request that would wait beside too many is refused at once", async () => {
  const service = await startService();
  const limits = { connectionsMax: 1, waitingMax: 0, placeMs: 600_000 };
  const { url } = await gatewayTo(service.url, { ...eight, limits });
  const first = get(url, "10.0.0.9", "/slow");
  await expect.poll(() => service.waiting.length).toBe(1);
  expect((await get(url, "10.0.0.8")).status).toBe(503);
  service.next();
  expect((await first).status).toBe(200);
});

test("a caller that leaves while it waits for a place gives its wait back, and nothing of it is sent", async () => {
  const service = await startService();
  const { url } = await gatewayTo(service.url, { ...eight, limits: { connectionsMax: 1, placeMs: 600_000 } });
  const first = get(url, "10.0.0.9", "/slow");
  await expect.poll(() => service.waiting.length).toBe(1);
  const waiter = await upload(url, "10.0.0.8");
  await expect.poll(() => placesOf(url)).toMatchObject({ waiting: 1 });
  waiter.destroy();
  await expect.poll(() => placesOf(url)).toMatchObject({ waiting: 0 });
  service.next();
  expect((await first).status).toBe(200);
  expect(service.seen).toEqual({ "10.0.0.9": 1 });
});

test("a route with separate places has no more than these, and holds up no other route", async () => {
  const service = await startService();
  const slow = { ...keyedRoute, path: "/slow", methods: ["GET"], keyed: false, limits: { connectionsMax: 1 } } as const;
  const { url } = await gatewayTo(service.url, { ...eight, routes: [slow, keyedRoute] });
  const both = [get(url, "10.0.0.1", "/slow"), get(url, "10.0.0.1", "/slow")];
  await expect.poll(() => placesOf(url)).toMatchObject({ free: 7, waiting: 1 });
  expect(await (await get(url, "10.0.0.1")).text()).toBe("fast");
  service.next();
  await expect.poll(() => service.waiting.length).toBe(1);
  service.next();
  expect((await Promise.all(both)).map(({ status }) => status)).toEqual([200, 200]);
});

test("a caller that sends its body at less than the least rate loses its connection, on every route", async () => {
  const url = await startHttpServer((request) => request.resume());
  const gateway = await gatewayTo(url, { routes: [keyedRoute], limits: { callerRateMin: 1_000_000, idleMs: 500 } });
  for (const lines of [["PUT / HTTP/1.1"], ["POST / HTTP/1.1", "Idempotency-Key: k"]]) {
    const socket = await dial(gateway.url);
    socket.write([...lines, "Host: a", "Transfer-Encoding: chunked", "", ""].join("\r\n"));
    const trickle = setInterval(() => socket.write("1\r\na\r\n"), 20);
    socket.resume();
    await closed(socket);
    clearInterval(trickle);
  }
});

test("a request that passes through for longer than it may gets 504, or breaks off", async () => {
  const url = await startHttpServer((request, response) => {
    if (request.url === "/begun") response.write("begun");
  });
  const gateway = await gatewayTo(url, { limits: { passTotalMs: 200 } });
  expect((await fetch(gateway.url)).status).toBe(504);
  await expect(fetch(`${gateway.url}/begun`).then((response) => response.text())).rejects.toThrow();
  const expecting =
    "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na";
  expect(statuses(await talk(gateway.url, expecting)).at(-1)).toBe("504");
});

test("a stream of events lasts longer than a request may, unless its route bounds it", async () => {
  const services: ServerResponse[] = [];
  const url = await startHttpServer((_request, response) => {
    services.push(response);
    response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
  });
  const bound = { ...keyedRoute, path: "/bound", methods: ["GET"], keyed: false, limits: { totalMs: 50 } } as const;
  const gateway = await gatewayTo(url, { routes: [bound], limits: { passTotalMs: 50 } });
  const stream = await fetch(gateway.url);
  // Its time is that of the one beside it, which is over.
  await expect(fetch(`${gateway.url}/bound`).then((response) => response.text())).rejects.toThrow();
  services[0]!.end("data: 2\n\n");
  expect(await stream.text()).toBe("data: 1\n\ndata: 2\n\n");
});

/** A service that changes to a protocol in which it sends back what it gets. */
async function startEchoService(): Promise<string> {
  const server = createServer((_request, response) => response.end("fast"));
  const sockets: Socket[] = [];
  server.on("upgrade", (_request, socket: Socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.write("HTTP/1.1 101 Fine\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Opens a connection of another protocol, in which the service sends back what it gets. */
async function openEcho(url: string, path: string): Promise<Socket> {
  const socket = await dial(url);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n`);
  expect(String((await once(socket, "data"))[0])).toContain("101 ");
  return socket;
}

test("an upgraded connection gives its place back, and lasts longer than a request may unless its route bounds it", async () => {
  const url = await startEchoService();
  const bound = { ...keyedRoute, path: "/bound", methods: ["GET"], keyed: false, limits: { totalMs: 200 } } as const;
  const gateway = await gatewayTo(url, { routes: [bound], limits: { connectionsMax: 1, passTotalMs: 100 } });
  const socket = await openEcho(gateway.url, "/");
  const other = await openEcho(gateway.url, "/bound");
  expect((await fetch(gateway.url)).status).toBe(200);
  other.resume();
  await closed(other);
  socket.write("still");
  expect(String((await once(socket, "data"))[0])).toBe("still");
  socket.destroy();
});

test("a gateway is ready while its store answers and a place is free, and alive in any case", async () => {
  const service = await startService();
  const store = memoryStore();
  let isAway = false;
  const list: typeof store.list = async (query) => {
    if (isAway) throw new Error("away");
    return store.list(query);
  };
  const { url } = await gatewayTo(service.url, { ...eight, store: { ...store, list }, limits: { connectionsMax: 1 } });
  const status = async (path: string): Promise<number> => (await fetch(`${url}/-/${path}`)).status;
  expect([await status("ready"), await status("alive")]).toEqual([200, 200]);
  const first = get(url, "10.0.0.9", "/slow");
  await expect.poll(() => status("ready")).toBe(503);
  expect([await status("alive"), await status("health")]).toEqual([200, 200]);
  service.next();
  await first;
  expect(await status("ready")).toBe(200);
  isAway = true;
  expect([await status("ready"), await status("alive"), await status("health")]).toEqual([503, 200, 200]);
});
