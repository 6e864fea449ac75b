import type { RequestListener } from "node:http";
import { fromWebHandler, H3 } from "h3";
import { toNodeHandler as h3Listener } from "h3/node";
import { serve, type ServerRequest } from "srvx";
import { toNodeHandler as srvxListener } from "srvx/node";
import { expect, onTestFinished, test } from "vitest";
import { onceWeb } from "../../packages/once-again/src/frameworks/web.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { startHttpServer } from "../support/http-server.ts";
import { exchange, lasting } from "./exchange.ts";

// Servers with their own class for requests, which the platform's constructor does not take for requests.

const orders = () =>
  onceWeb({ store: memoryStore(), scope: "public" }, async (request: ServerRequest, { key }) => {
    expect(request.runtime?.name).toBe("node");
    return Response.json({ order: await request.json(), key }, { status: 201, headers: { location: "/orders/7" } });
  });

const servers = {
  srvx: () => srvxListener(orders()),
  "h3 2 (Nitro 3)": () => h3Listener(new H3().post("/v1/orders", fromWebHandler(orders()))),
};

test.for(Object.keys(servers) as (keyof typeof servers)[])("%s: makes one order of two requests", async (name) => {
  const url = await startHttpServer(servers[name]() as RequestListener);
  const [first, repeat] = [await exchange(url), await exchange(url)];
  expect(first).toMatchObject({ status: 201, replayed: false, headers: { location: "/orders/7" } });
  expect(JSON.parse(first.text)).toEqual({ order: { item: "tea" }, key: "order-7" });
  expect(repeat.replayed).toBe(true);
  expect(lasting(repeat)).toEqual(lasting(first));
  expect(await exchange(url, { body: '{"item":"coffee"}' })).toMatchObject({ status: 422 });
});

test("srvx: a body beyond its maxRequestBodySize gets 413, which no caller sends again", async () => {
  const server = serve({ fetch: orders(), hostname: "127.0.0.1", port: 0, silent: true, maxRequestBodySize: 100 });
  onTestFinished(() => server.close(true));
  await server.ready();
  const body = JSON.stringify({ item: "tea".repeat(50) });
  const refused = await exchange(server.url!, { body, path: "v1/orders" });
  expect(refused).toMatchObject({ status: 413, text: expect.stringContaining("ONCE_BODY_TOO_LARGE") });
  expect(refused.headers["retry-after"]).toBeUndefined();
  expect(await exchange(server.url!, { path: "v1/orders" })).toMatchObject({ status: 201, replayed: false });
});
