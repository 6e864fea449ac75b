import { spawn } from "node:child_process";
import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { buffer } from "node:stream/consumers";
import { memoryStore } from "once-again/stores/memory";
import { expect, onTestFinished, test } from "vitest";
import type { GatewayOptions } from "../../packages/gateway/src/gateway-options.ts";
import { openConfig } from "../../packages/gateway/src/config/open-config.ts";
import { readConfig } from "../../packages/gateway/src/config/read-config.ts";
import { startGateway } from "../../packages/gateway/src/gateway.ts";
import { startHttpServer } from "../support/http-server.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { gatewayTo, keyedRoute } from "./start-gateway.ts";

// The headers about a request's way and its caller that the service gets, whatever the caller sends.

const key = { "idempotency-key": "k-1" };

/** Sends one request by hand, on a connection that is its own, and reads all of the answer. */
async function exchange(url: string, head: string, headers: Record<string, string>, body = "{}"): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.write(`${[head, ...lines, `content-length: ${body.length}`].join("\r\n")}\r\n\r\n${body}`);
  const bytes = await buffer(socket);
  return bytes.toString("latin1");
}

/** A service that notes what it gets. */
async function startService() {
  const seen: { target: string | undefined; headers: IncomingHttpHeaders }[] = [];
  const url = await startHttpServer((request, response) => {
    seen.push({ target: request.url, headers: request.headers });
    request.resume();
    response.writeHead(201).end(`effect ${seen.length}`);
  });
  return { url, seen };
}

/** A gateway by a configuration, until the test ends. */
async function startByConfig(upstream: string, settings: Record<string, unknown>): Promise<string> {
  const flags = { upstream, store: "sqlite:unused.db", ...settings };
  const config = readConfig({
    flags: Object.fromEntries(Object.entries(flags).map(([name, value]) => [name, { path: [name], value }])),
  });
  const { options, close } = openConfig(config, memoryStore());
  const gateway = await startGateway(options);
  onTestFinished(async () => {
    await gateway.close();
    await close();
  });
  return gateway.url;
}

const closed = { connection: "close" };

/** Answers with the variables of the headers that name accounts, as WSGI has them. */
const wsgi = `
from wsgiref.simple_server import make_server, WSGIRequestHandler
class Quiet(WSGIRequestHandler):
    def log_message(self, *args): pass
def app(environ, start):
    start("201 Created", [])
    names = ["HTTP_X_ACCOUNT", "HTTP_IDEMPOTENCY_ATTEMPT", "HTTP_X_FORWARDED_FOR", "HTTP_AUTHORIZATION"]
    return ["|".join(str(environ.get(name)) for name in names).encode()]
server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
print(server.server_port, flush=True)
server.serve_forever()
`;

describeWithServer("a WSGI service", { name: "python3", install: "apt-get install -y python3" }, () => {
  test("sees the account that the gateway has, in whatever spelling a caller sends another", async () => {
    const child = spawn("python3", ["-c", wsgi], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    const lines = createInterface(child.stdout);
    const [port] = (await once(lines, "line")) as [string];
    const url = await startByConfig(`http://127.0.0.1:${port}`, { scope: "header:x-account" });
    const send = async (headers: Record<string, string>, at: number): Promise<string | undefined> => {
      const head = `POST /orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k-${at}`;
      const response = await exchange(url, head, {
        "x-account": "acme",
        authorization: "t",
        connection: "close",
        ...headers,
      });
      return response.split("\r\n\r\n")[1];
    };
    const attacks: Record<string, string>[] = [
      { X_Account: "victim" },
      { connection: "close, x-account", X_Account: "victim" },
      { connection: "close, X-Account, authorization, idempotency-attempt, x-forwarded-for" },
      { "x.account": "victim", "X-ACCOUNT_": "other" },
      { Idempotency_Attempt: "7", "Idempotency-Attempt": "7" },
      { X_Forwarded_For: "6.6.6.6", "X_Forwarded-For": "6.6.6.6" },
    ];
    const bodies = [];
    for (const [at, attack] of attacks.entries()) bodies.push(await send(attack, at));
    expect(bodies).toEqual(attacks.map(() => "acme|1|127.0.0.1|t"));
  });
});

test("headers that a scope passes on, and a key header, can't be taken away or doubled", async () => {
  const service = await startService();
  const auth = await startHttpServer(({ headers }, response) => {
    response.setHeader("x-user", String(headers["x-api-key"])).end();
  });
  const url = await startByConfig(service.url, {
    scope: { auth, account: "header:x-user", pass: ["X-Api-Key"] },
    routes: [{ path: "*", keyHeader: "X-Order-Id" }],
  });
  const attack = { connection: "close, x-api-key, x-order-id", X_Api_Key: "victim", X_ORDER_ID: "2" };
  await exchange(url, "POST / HTTP/1.1\r\nHost: a", { "x-api-key": "mine", "x-order-id": "1", ...attack });
  expect(service.seen[0]?.headers).toMatchObject({ "x-api-key": "mine", "x-order-id": "1" });
  expect(Object.keys(service.seen[0]!.headers).filter((name) => name.includes("_"))).toEqual([]);
});

test("headers with other names that have an underscore reach the service", async () => {
  const service = await startService();
  const { url } = await gatewayTo(service.url);
  await exchange(url, "GET / HTTP/1.1\r\nHost: a", { ...closed, X_Under: "1", my_id: "2" });
  expect(service.seen[0]?.headers).toMatchObject({ x_under: "1", my_id: "2" });
});

test("forward-auth is asked about the target and the host that the service gets", async () => {
  const service = await startService();
  const asked: string[] = [];
  const auth = await startHttpServer(({ headers }, response) => {
    const [uri, host] = [String(headers["x-forwarded-uri"]), String(headers["x-forwarded-host"])];
    asked.push(`${host} ${uri}`);
    if (uri.startsWith("/admin") || host.startsWith("admin.")) response.writeHead(403).end();
    else response.setHeader("x-user", "acme").end();
  });
  const url = await startByConfig(service.url, { scope: { auth, account: "header:x-user" } });
  for (const target of ["/admin/delete", "http://shop.example/admin/delete", "http://admin.example/delete"]) {
    const head = `POST ${target} HTTP/1.1\r\nHost: shop.example`;
    expect(await exchange(url, head, { ...key, ...closed })).toMatch(/^HTTP\/1.1 403 /);
  }
  expect(asked).toEqual(["shop.example /admin/delete", "shop.example /admin/delete", "admin.example /delete"]);
  expect(service.seen).toEqual([]);
});

test("a path that only some servers read as another is refused", async () => {
  const service = await startService();
  const routes = [{ ...keyedRoute, path: "/public/*", keyed: false as const }, keyedRoute];
  const { url } = await gatewayTo(service.url, { routes });
  for (const path of [
    "/public/..;/orders",
    "/public/..%2forders",
    "/public/%5c../orders",
    "/public/%252e%252e/orders",
  ]) {
    expect(await exchange(url, `POST ${path} HTTP/1.1\r\nHost: a`, closed), path).toMatch(/^HTTP\/1.1 400 /);
  }
  expect(await exchange(url, "POST /public/x HTTP/1.1\r\nHost: a", closed)).toMatch(/^HTTP\/1.1 201 /);
  expect(await exchange(url, "POST /ORDERS HTTP/1.1\r\nHost: a", closed)).toMatch(/^HTTP\/1.1 400 /);
  expect(service.seen).toHaveLength(1);
});

test("a key at another host is another request: it gets no replay, and does not run", async () => {
  const service = await startService();
  const { url } = await gatewayTo(service.url, { routes: [keyedRoute] });
  const send = (host: string) => exchange(url, `POST /orders HTTP/1.1\r\nHost: ${host}`, { ...key, ...closed });
  expect(await send("shop-a.example")).toContain("effect 1");
  expect(await send("shop-b.example")).toMatch(/^HTTP\/1.1 422 .*ONCE_KEY_REUSED/s);
  expect(await send("SHOP-A.example.:80")).toMatch(/idempotent-replayed: true.*effect 1$/is);
  const target = "POST http://shop-b.example/orders HTTP/1.1\r\nHost: shop-a.example";
  expect(await exchange(url, target, { ...key, ...closed })).toMatch(/^HTTP\/1.1 422 /);
  expect(service.seen).toHaveLength(1);
});

test("where one service has several names, a repeat may come by another", async () => {
  const service = await startService();
  const url = await startByConfig(service.url, { scope: "header:x-account", fingerprintHost: false });
  const send = (host: string) =>
    exchange(url, `POST /orders HTTP/1.1\r\nHost: ${host}`, { ...key, ...closed, "x-account": "a" });
  expect(await send("shop.example")).toContain("effect 1");
  expect(await send("www.shop.example")).toContain("effect 1");
  expect(service.seen).toHaveLength(1);
});

const proxied = { "x-forwarded-for": "203.0.113.7, 198.51.100.1", "x-forwarded-proto": "https" };

test("a service that forces HTTPS is reached through a trusted proxy that ends TLS", async () => {
  const service = await startHttpServer(({ headers }, response) => {
    const isSecure = headers["x-forwarded-proto"] === "https";
    const [caller] = String(headers["x-forwarded-for"]).split(",");
    if (isSecure) response.end(`secure from ${caller}`);
    else response.writeHead(301, { location: "https://shop.example/" }).end();
  });
  const trusting = await startByConfig(service, { scope: "header:x-account", trustProxy: "loopback, 10.0.0.0/8" });
  const response = await fetch(trusting, { headers: proxied, redirect: "manual" });
  expect([response.status, await response.text()]).toEqual([200, "secure from 203.0.113.7"]);
  const distrusting = await startByConfig(service, { scope: "header:x-account", trustProxy: ["10.0.0.0/8"] });
  expect((await fetch(distrusting, { headers: proxied, redirect: "manual" })).status).toBe(301);
});

test.for<[title: string, trustProxy: GatewayOptions["trustProxy"], sent: Record<string, string>, got: object]>([
  [
    "X-Forwarded-For is extended, and its other headers go on",
    ["127.0.0.1"],
    { ...proxied, "x-forwarded-host": "shop.example", "x-forwarded-port": "443", "x-real-ip": "203.0.113.7" },
    {
      "x-forwarded-for": "203.0.113.7, 198.51.100.1, 127.0.0.1",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "shop.example",
      "x-forwarded-port": "443",
      "x-real-ip": "203.0.113.7",
      forwarded: undefined,
    },
  ],
  [
    "what it does not say is said",
    1,
    { "x-forwarded-for": "203.0.113.7" },
    { "x-forwarded-for": "203.0.113.7, 127.0.0.1", "x-forwarded-proto": "http", "x-forwarded-host": "behind" },
  ],
  [
    "Forwarded is extended, and nothing contradicts it",
    true,
    { forwarded: "for=203.0.113.7;proto=https" },
    {
      forwarded: 'for=203.0.113.7;proto=https, for=127.0.0.1;host="behind";proto=http',
      "x-forwarded-for": undefined,
      "x-forwarded-proto": undefined,
    },
  ],
  [
    "another request has both",
    ["loopback"],
    {},
    { forwarded: 'for=127.0.0.1;host="behind";proto=http', "x-forwarded-for": "127.0.0.1" },
  ],
  [
    "a caller can't have them removed",
    ["loopback"],
    { ...proxied, connection: "close, x-forwarded-for, x-forwarded-proto, x-real-ip", "x-real-ip": "203.0.113.7" },
    {
      "x-forwarded-for": "203.0.113.7, 198.51.100.1, 127.0.0.1",
      "x-forwarded-proto": "https",
      "x-real-ip": "203.0.113.7",
    },
  ],
  [
    "what another peer says is replaced",
    0,
    { ...proxied, forwarded: "for=6.6.6.6", "x-forwarded-prefix": "/evil", "x-real-ip": "6.6.6.6" },
    {
      forwarded: 'for=127.0.0.1;host="behind";proto=http',
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-prefix": undefined,
      "x-real-ip": undefined,
    },
  ],
])("of a trusted proxy: %s", async ([, trustProxy, sent, got]) => {
  const service = await startService();
  const { url } = await gatewayTo(service.url, { trustProxy });
  await exchange(url, "GET / HTTP/1.1\r\nHost: behind", { ...closed, ...sent });
  const { headers } = service.seen[0]!;
  const names = Object.keys(got);
  expect(Object.fromEntries(names.map((name) => [name, headers[name]]))).toEqual(got);
});

test("forward-auth and the fingerprint know the host that a trusted proxy names", async () => {
  const service = await startService();
  const asked: IncomingHttpHeaders[] = [];
  const auth = await startHttpServer(({ headers }, response) => {
    asked.push(headers);
    response.setHeader("x-user", "acme").end();
  });
  const url = await startByConfig(service.url, { trustProxy: 1, scope: { auth, account: "header:x-user" } });
  const send = (host: string) => {
    const more = { ...proxied, ...key, ...closed, "x-forwarded-host": host };
    return exchange(url, "POST /orders HTTP/1.1\r\nHost: behind", more);
  };
  expect(await send("shop-a.example")).toContain("effect 1");
  expect(await send("shop-b.example")).toMatch(/^HTTP\/1.1 422 /);
  expect(asked[0]).toMatchObject({
    "x-forwarded-host": "shop-a.example",
    "x-forwarded-proto": "https",
    "x-forwarded-for": "203.0.113.7, 198.51.100.1, 127.0.0.1",
  });
});

test("accounts that differ by a no-break space at an end are two", async () => {
  const service = await startService();
  const url = await startByConfig(service.url, { scope: "header:x-account" });
  const send = async (account: string): Promise<string> => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    const head = `POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\nX-Account: ${account}\r\nConnection: close\r\n\r\n`;
    socket.write(head, "latin1");
    return (await buffer(socket)).toString("latin1");
  };
  for (const account of ["acme", "acme\u00a0", "\u00a0acme"]) {
    expect(await send(account)).not.toMatch(/idempotent-replayed/i);
  }
  expect(await send("  acme ")).toMatch(/idempotent-replayed/i);
  expect(service.seen).toHaveLength(3);
});
