import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";
import { memoryStore } from "once-again/stores/memory";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openConfig } from "../../packages/gateway/src/config/open-config.ts";
import { readConfig } from "../../packages/gateway/src/config/read-config.ts";
import { startGateway } from "../../packages/gateway/src/gateway.ts";
import { printSplit } from "../../packages/gateway/src/split/print-split.ts";
import type { FrontProxy } from "../../packages/gateway/src/split/split-rules.ts";
import { caddyBinary, startCaddy } from "../support/servers/caddy.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { haproxyBinary, startHaproxy } from "../support/servers/haproxy.ts";
import { nginxBinary, startNginx } from "../support/servers/nginx.ts";
import { serverPort } from "../support/servers/server-port.ts";

// The public deployment: a proxy in front with the configuration that --print writes, the gateway, and a service.

const bodyBytesMax = 65_536;

/** A request as the service got it. */
interface Seen {
  readonly method: string | undefined;
  readonly target: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: number;
  readonly isByGateway: boolean;
}

/** A service that answers with what it got, and echoes what comes after an upgrade. */
async function startService(seen: Seen[]) {
  const server = createServer(async (request, response) => {
    const { method, url: target, headers } = request;
    const bytes = (await buffer(request)).length;
    const isByGateway = /once-again/.test(headers.via ?? "");
    seen.push({ method, target, headers, bytes, isByGateway });
    response.writeHead(request.method === "POST" ? 201 : 200).end(`effect ${seen.length}`);
  });
  server.on("upgrade", (request, socket) => {
    socket.on("error", () => socket.destroy());
    if (request.url === "/refused") return void socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    const accept = createHash("sha1")
      .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    const head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket";
    socket.write(`${head}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    socket.on("data", (chunk: Buffer) => socket.write(chunk));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const routes = [
  { path: "/login", key: "none" },
  { path: "/files/*", key: "none", methods: ["POST", "PUT"] },
  { path: "/search", key: "optional", keyHeader: "X-Order-Id" },
  { path: "/orders/{id}:cancel", methods: ["DELETE"] },
];

/** The printed configuration, at a port of this test, with an account that the proxy has checked. */
function printed(proxy: FrontProxy, config: ReturnType<typeof readConfig>, port: number): string {
  const account: Record<FrontProxy, [string, string]> = {
    nginx: ['set $once_again_account "";', 'set $once_again_account "acme";'],
    haproxy: ['set-var(txn.account) str("")', 'set-var(txn.account) str("acme")'],
    caddy: ['vars once_again_account ""', 'vars once_again_account "acme"'],
  };
  const listen: Record<FrontProxy, [string, string]> = {
    nginx: ["listen 80;", `listen 127.0.0.1:${port};`],
    haproxy: ["bind :80", `bind 127.0.0.1:${port}`],
    caddy: ["\n:80 {", `\n:${port} {`],
  };
  const text = printSplit(proxy, config);
  for (const [from] of [account[proxy], listen[proxy]]) expect(text).toContain(from);
  return text.replace(...account[proxy]).replace(...listen[proxy]);
}

async function startSplit(proxy: FrontProxy, seen: Seen[]) {
  const service = await startService(seen);
  const settings = {
    upstream: service.url,
    store: "sqlite:unused.db",
    scope: "header:x-account",
    trustProxy: "loopback",
    limits: { body: `${bodyBytesMax}B` },
    listen: { port: await serverPort() },
    routes,
  };
  const flags = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, { path: [name], value }]));
  const config = readConfig({ flags });
  const open = openConfig(config, memoryStore());
  const gateway = await startGateway(open.options, config.listen);
  const port = await serverPort();
  const text = printed(proxy, config, port);
  const start = {
    nginx: () => startNginx({ http: text, server: "return 404;" }),
    haproxy: () => startHaproxy(text, port),
    caddy: () => startCaddy(text, port),
  };
  const front = await start[proxy]();
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      await front[Symbol.asyncDispose]();
      await gateway.close(0);
      await open.close();
      service.close();
    },
  };
}

const binaries = { nginx: nginxBinary, haproxy: haproxyBinary, caddy: caddyBinary };

for (const proxy of ["nginx", "haproxy", "caddy"] as const) {
  describeWithServer(`behind ${proxy}`, binaries[proxy], () => {
    const seen: Seen[] = [];
    let split: Awaited<ReturnType<typeof startSplit>>;
    beforeAll(async () => {
      split = await startSplit(proxy, seen);
    });
    afterAll(() => split?.close());
    beforeEach(() => void seen.splice(0));
    let keys = 0;
    const key = () => ({ "idempotency-key": `k-${(keys += 1)}` });
    const send = (method: string, path: string, headers: Record<string, string> = {}, body?: string) =>
      fetch(split.url + path, { method, headers, body: body ?? (method === "POST" ? "{}" : null) });

    /** Sends bytes, and reads until the other side ends, or has sent something that matches. */
    const raw = (bytes: string, until?: RegExp): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(Number(new URL(split.url).port), "127.0.0.1");
        let text = "";
        const end = (): void => {
          socket.destroy();
          resolve(text);
        };
        socket.on("data", (chunk) => {
          text += chunk.toString("latin1");
          if (until?.test(text)) end();
        });
        socket.on("error", end).on("close", end);
        socket.write(bytes, "latin1");
      });

    test.for<[method: string, path: string, headers: Record<string, string>, isByGateway: boolean]>([
      ["GET", "/orders", {}, false],
      ["GET", "/orders?x=%2f", { "idempotency-key": "a" }, false],
      ["PUT", "/orders/7", { "idempotency-key": "a" }, false],
      ["DELETE", "/orders/7", {}, false],
      ["POST", "/login", { "idempotency-key": "a" }, false],
      ["POST", "/login/?next=/orders", {}, false],
      ["POST", "/files/a/b", {}, false],
      ["POST", "/search", {}, false],
      ["POST", "/search?q=1", { "x-order-id": "s-1" }, true],
      ["POST", "/orders", { "idempotency-key": "r-1" }, true],
      ["PATCH", "/orders/7?x=1", { "idempotency-key": "r-2" }, true],
      ["POST", "/loginx", { "idempotency-key": "r-3" }, true],
      ["DELETE", "/orders/7:cancel", { "idempotency-key": "r-4" }, true],
      ["POST", "/orders/a%20b", { "idempotency-key": "r-5" }, true],
    ])("%s %s %j reaches the service by the gateway: %s", async ([method, path, headers, isByGateway]) => {
      const response = await send(method, path, headers);
      expect([200, 201]).toContain(response.status);
      expect(seen).toMatchObject([{ method, target: path, isByGateway }]);
      if (!isByGateway) return;
      const repeat = await send(method, path, headers);
      expect(repeat.headers.get("idempotent-replayed")).toBe("true");
      expect(seen).toHaveLength(1);
    });

    test("a route that requires a key gets 400 without one, in each spelling", async () => {
      const paths = ["/orders", "/ORDERS", "//orders", "/login/../orders", "/login/%2e%2e/orders", "/login/..;/orders"];
      for (const path of [...paths, "/login/..%2forders", "/%6Frders", "/files/..\\orders", "/./orders"]) {
        const answer = await raw(
          `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}`,
        );
        expect(answer, path).toMatch(/^HTTP\/1\.1 400 /);
      }
      expect((await send("DELETE", "/orders/7:CANCEL")).status).toBe(400);
      expect(seen).toEqual([]);
    });

    test("the account is the proxy's own, on both ways, and nothing that a caller says of its way is believed", async () => {
      const lies = {
        "x-account": "victim",
        x_account: "victim",
        "x-forwarded-for": "6.6.6.6",
        "x-forwarded-proto": "https",
        forwarded: "for=6.6.6.6",
        "x-real-ip": "6.6.6.6",
        "idempotency-attempt": "7",
      };
      for (const path of ["/login", "/orders"]) {
        const head = Object.entries({ ...lies, ...key() }).map(([name, value]) => `${name}: ${value}`);
        const first = `POST ${path} HTTP/1.1\r\nHost: shop.example\r\nConnection: close, x-account`;
        await raw(`${first}\r\n${head.join("\r\n")}\r\nContent-Length: 2\r\n\r\n{}`);
      }
      for (const { headers, isByGateway } of seen) {
        const [attempt, addresses] = isByGateway ? ["1", "127.0.0.1, 127.0.0.1"] : [undefined, "127.0.0.1"];
        expect(headers).toMatchObject({
          "x-account": "acme",
          "x-forwarded-for": addresses,
          "x-forwarded-proto": "http",
        });
        expect(headers["idempotency-attempt"]).toBe(attempt);
        expect(JSON.stringify(headers)).not.toMatch(/6\.6\.6\.6|victim/);
        expect(headers.host).toBe("shop.example");
      }
      expect(seen.map(({ isByGateway }) => isByGateway)).toEqual([false, true]);
    });

    test("a keyed body ends at the gateway's limit, and what passes through has none", async () => {
      const body = "x".repeat(bodyBytesMax + 1);
      expect((await send("POST", "/orders", key(), body)).status).toBe(413);
      expect(seen).toEqual([]);
      expect((await send("POST", "/files/a", {}, body.repeat(20))).status).toBe(201);
      expect(seen).toMatchObject([{ bytes: body.length * 20, isByGateway: false }]);
    });

    test("a WebSocket passes by the gateway", async () => {
      const head = "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
      const extra = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
      const socket = connect(Number(new URL(split.url).port), "127.0.0.1");
      socket.write(`${head}${extra}\r\n`);
      let text = "";
      const echoed = new Promise<void>((resolve) => {
        socket.on("data", (chunk) => {
          if (text === "" && chunk.toString("latin1").startsWith("HTTP/1.1 101")) socket.write("hello");
          text += chunk.toString("latin1");
          if (text.includes("hello")) resolve();
        });
      });
      await echoed;
      socket.destroy();
      expect(text).toMatch(/^HTTP\/1\.1 101 /);
    });

    // The rows of attacks that ended a gateway which callers could reach.
    test("no bytes of a caller end the gateway, or stop another's request", async () => {
      const h = "Host: a\r\n";
      const post = (path: string, more: string, body = "{}"): string =>
        `POST ${path} HTTP/1.1\r\n${h}${more}Content-Length: ${body.length}\r\n\r\n${body}`;
      const upgrade = `GET /refused HTTP/1.1\r\n${h}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
      const keyed = (): string => `Idempotency-Key: ${key()["idempotency-key"]}\r\n`;
      const crumbs = Array.from({ length: 5000 }, () => "1\r\nx\r\n").join("");
      const chunked = `POST /orders HTTP/1.1\r\n${h}${keyed()}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n`;
      const answered = /HTTP\/1\.1 \d{3} /;
      const attacks: [title: string, bytes: string, until?: RegExp][] = [
        ["Trailer without chunks", `GET / HTTP/1.1\r\n${h}Trailer: q\r\n\r\n`, answered],
        ["the same, keyed", post("/orders", `${keyed()}Trailer: q\r\n`), answered],
        ["a service that refuses an upgrade", upgrade, answered],
        ["an upgrade behind a request", post("/orders", keyed()) + upgrade, answered],
        ["a keyed upgrade", post("/orders", `${keyed()}Connection: Upgrade\r\nUpgrade: websocket\r\n`), answered],
        ["chunks of one byte", `${chunked}${crumbs}0\r\n\r\n`, answered],
        ["an expectation", post("/orders", `${keyed()}Expect: 100-continue\r\n`), / 201 /],
        ["many options", `GET / HTTP/1.1\r\n${h}Connection: a${" ".repeat(4000)}b\r\n\r\n`, answered],
        [
          "both lengths",
          `POST /orders HTTP/1.1\r\n${h}${keyed()}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
          answered,
        ],
        ["no target", `POST http://[ HTTP/1.1\r\n${h}${keyed()}Content-Length: 0\r\n\r\n`, answered],
      ];
      for (const [title, bytes, until] of attacks) expect(await raw(bytes, until), title).toMatch(answered);
      // Who leaves in the middle.
      for (let at = 0; at < 10; at += 1) {
        const socket = connect(Number(new URL(split.url).port), "127.0.0.1");
        socket.on("error", () => undefined);
        socket.write(at % 2 === 0 ? upgrade : post("/orders", keyed()).slice(0, -1), () => socket.resetAndDestroy());
        await once(socket, "close");
      }
      const pipelined = Array.from({ length: 20 }, () => `GET /files HTTP/1.1\r\n${h}\r\n`).join("");
      await raw(`${pipelined}GET /files HTTP/1.1\r\n${h}Connection: close\r\n\r\n`);
      const after = await send("POST", "/orders", key());
      expect(after.status).toBe(201);
    });

    test("an absolute target has one host for the gateway and the service", async () => {
      const head = `POST http://admin.example/orders HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n`;
      await raw(`${head}Idempotency-Key: ${key()["idempotency-key"]}\r\nContent-Length: 2\r\n\r\n{}`);
      for (const { headers, target } of seen) {
        expect([target, headers.host]).toEqual(["/orders", headers["x-forwarded-host"]]);
      }
    });
  });
}
