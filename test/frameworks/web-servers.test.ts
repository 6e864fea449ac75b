import type { RequestListener } from "node:http";
import { fromWebHandler, H3 } from "h3";
import { toNodeHandler as h3Listener } from "h3/node";
import type { ServerRequest } from "srvx";
import { toNodeHandler as srvxListener } from "srvx/node";
import { expect, test } from "vitest";
import { onceFetch } from "../../packages/once-again/src/frameworks/fetch.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { startHttpServer } from "../support/http-server.ts";
import { exchange, lasting } from "./exchange.ts";

// Servers with their own class for requests, which the platform's constructor does not take for requests.

const orders = () =>
  onceFetch({ store: memoryStore(), scope: "public" }, async (request: ServerRequest, { key }) => {
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
