import { execFile } from "node:child_process";
import { connect as connectHttp2 } from "node:http2";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { Agent, request } from "undici";
import { memoryStore } from "once-again/stores/memory";
import { expect, onTestFinished, test } from "vitest";
import { startGateway } from "../../packages/gateway/src/gateway.ts";
import { describeWithCertificates } from "../support/describe-with-certificates.ts";
import { startGatewayCommand } from "../support/gateway-command.ts";
import { startHttpServer } from "../support/http-server.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { haproxyBinary, startHaproxy } from "../support/servers/haproxy.ts";
import { serverPort } from "../support/servers/server-port.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { keyedRoute } from "./start-gateway.ts";

// HTTP/2 as its clients speak it, and as a proxy in front does.

/** A service that counts its effects. */
async function startOrders(): Promise<{ url: string; effects(): number; vias: (string | undefined)[] }> {
  let effects = 0;
  const vias: (string | undefined)[] = [];
  const url = await startHttpServer(async (incoming, response) => {
    vias.push(incoming.headers.via);
    await buffer(incoming);
    effects += 1;
    response.writeHead(201).end(`order ${effects}`);
  });
  return { url, effects: () => effects, vias };
}

const command = (upstream: string, ...flags: string[]) =>
  startGatewayCommand([
    ...["--upstream", upstream, "--store", `sqlite:${join(temporaryFolder(), "keys.db")}`],
    ...["--scope", "header:x-account", "--port", "0", "--http2", ...flags],
  ]);

const headers = (key: string) => ({ "x-account": "acme", "idempotency-key": key });

const run = promisify(execFile);

describeWithServer("curl", { name: "curl", install: "apt-get install -y curl" }, () => {
  test("a replay over HTTP/2 is that of an operation by HTTP/1.1, and the other way round", async () => {
    const orders = await startOrders();
    const { url } = await command(orders.url);
    const order = async (version: string, key: string): Promise<string> => {
      const asked = ["-H", "x-account: acme", "-H", `idempotency-key: ${key}`, "-d", "{}"];
      const output = ["--silent", "--show-error", "--write-out", " %{http_version} %{http_code}"];
      return (await run("curl", [version, ...output, ...asked, `${url}/orders`])).stdout;
    };
    expect(await order("--http1.1", "k-1")).toBe("order 1 1.1 201");
    expect(await order("--http2-prior-knowledge", "k-1")).toBe("order 1 2 201");
    expect(await order("--http2-prior-knowledge", "k-2")).toBe("order 2 2 201");
    expect(await order("--http1.1", "k-2")).toBe("order 2 1.1 201");
    expect(orders.vias).toEqual(["1.1 once-again", "2 once-again"]);
  });
});

test("two workers serve the streams of one connection and of several, and a shutdown ends them all", async () => {
  const orders = await startOrders();
  const gateway = await command(orders.url, "--workers", "2");
  const sessions = Array.from({ length: 6 }, () => connectHttp2(gateway.url));
  const order = async (at: number, key: string): Promise<string> => {
    const stream = sessions[at % sessions.length]!.request({ ":method": "POST", ":path": "/orders", ...headers(key) });
    stream.end("{}");
    return String(await buffer(stream));
  };
  const keys = Array.from({ length: 60 }, (_, at) => `k-${at}`);
  const first = await Promise.all(keys.map((key, at) => order(at, key)));
  expect(new Set(first).size).toBe(60);
  expect(await Promise.all(keys.map((key, at) => order(at + 1, key)))).toEqual(first);
  expect(orders.effects()).toBe(60);
  const closed = sessions.map((session) => new Promise((resolve) => session.once("close", resolve)));
  expect(await gateway.end()).toBe(0);
  await Promise.all(closed);
});

describeWithServer("behind HAProxy, which speaks HTTP/2 to it", haproxyBinary, () => {
  test("an operation happens once, and the caller's address is the proxy's word", async () => {
    const ways: (string | undefined)[] = [];
    let effects = 0;
    const upstream = await startHttpServer(async (incoming, response) => {
      ways.push(String(incoming.headers["x-forwarded-for"]));
      await buffer(incoming);
      effects += 1;
      response.writeHead(201).end(`order ${effects}`);
    });
    const gateway = await command(upstream, "--trust-proxy", "loopback");
    const port = await serverPort();
    const text = [
      ...["defaults", "  mode http", "  timeout connect 5s", "  timeout client 30s", "  timeout server 310s"],
      ...["frontend public", `  bind 127.0.0.1:${port}`, "  option forwardfor", "  default_backend gateway"],
      ...["backend gateway", `  server gateway ${new URL(gateway.url).host} proto h2`, ""],
    ].join("\n");
    await using front = await startHaproxy(text, port);
    expect(front.url).toContain(String(port));
    const order = async (key: string): Promise<string> => {
      const response = await fetch(`http://127.0.0.1:${port}/orders`, {
        method: "POST",
        body: "{}",
        headers: headers(key),
      });
      return `${response.status} ${response.headers.get("idempotent-replayed")} ${await response.text()}`;
    };
    expect([await order("k-1"), await order("k-1"), await order("k-2")]).toEqual([
      "201 null order 1",
      "201 true order 1",
      "201 null order 2",
    ]);
    expect(ways).toEqual(["127.0.0.1, 127.0.0.1", "127.0.0.1, 127.0.0.1"]);
  });
});

describeWithCertificates("with a certificate", (certificates) => {
  test("ALPN decides, and undici speaks HTTP/2", async () => {
    const orders = await startOrders();
    await using gateway = await startGateway(
      {
        upstream: new URL(orders.url),
        store: memoryStore(),
        routes: [keyedRoute],
        scope: async () => ({ scope: "all" }),
      },
      { tls: certificates().good, http2: true },
    );
    const ask = async (allowH2: boolean, key: string): Promise<string> => {
      const dispatcher = new Agent({ allowH2, connect: { rejectUnauthorized: false } });
      onTestFinished(() => dispatcher.destroy());
      const sent = { method: "POST", body: "{}", headers: headers(key), dispatcher } as const;
      const { statusCode, body } = await request(`${gateway.url}/orders`, sent);
      return `${statusCode} ${await body.text()}`;
    };
    expect([await ask(true, "k-1"), await ask(false, "k-1"), await ask(false, "k-2")]).toEqual([
      "201 order 1",
      "201 order 1",
      "201 order 2",
    ]);
    expect(orders.vias).toEqual(["2 once-again", "1.1 once-again"]);
  });
});
