import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { fakeClock } from "@once-again/testing";
import { memoryStore } from "once-again/stores/memory";
import { expect, test } from "vitest";
import { gatewayMetrics } from "../../packages/gateway/src/gateway-metrics.ts";
import type { RequestRecord } from "../../packages/gateway/src/request-record.ts";
import { post, posted, startHttpServer } from "../support/http-server.ts";
import { answer, breakOff, scriptedServer } from "../support/scripted-server.ts";
import { until } from "../support/until.ts";
import { gatewayTo, keyedRoute } from "./start-gateway.ts";

const routes = [keyedRoute];

test("a gateway is up while its store is away, and says what is wrong with the store", async () => {
  const { url } = await scriptedServer();
  const store = memoryStore();
  const { url: gateway } = await gatewayTo(new URL(url).origin, { routes, store });
  const healthy = await fetch(`${gateway}/-/health`);
  expect([healthy.status, await healthy.json()]).toMatchObject([200, { status: "up", store: { isHealthy: true } }]);

  const away = { ...store, list: () => Promise.reject(new Error("no connection")) };
  const { url: other } = await gatewayTo(new URL(url).origin, { routes, store: away });
  const sick = await fetch(`${other}/-/health`);
  const problems = ["The store does not answer."];
  expect([sick.status, await sick.json()]).toEqual([200, { status: "up", store: { isHealthy: false, problems } }]);
});

test("every request has a record, and metrics count them by route and what became of them", async () => {
  const { url, script } = await scriptedServer();
  const metrics = gatewayMetrics();
  const records: RequestRecord[] = [];
  const { url: gateway } = await gatewayTo(new URL(url).origin, {
    routes,
    onEvent: metrics.onEvent,
    onRequest(record) {
      records.push(record);
      metrics.onRequest(record);
    },
    metrics: () => metrics.registry.metrics(),
  });
  script.push(answer(201), breakOff);
  await posted(`${gateway}/orders?secret=1`);
  await posted(`${gateway}/orders?secret=1`);
  await posted(gateway, "cut");
  await fetch(`${gateway}/free`).then((response) => response.text());
  await until(() => records.length === 4);
  expect(records).toMatchObject([
    { method: "POST", path: "/orders", route: "*", status: 201, remoteAddress: "127.0.0.1" },
    { path: "/orders", status: 201, replayed: true },
    { status: 409, failure: expect.any(String) },
    { method: "GET", path: "/free", status: 200 },
  ]);
  for (const { bytes, elapsedMs } of records) expect(Math.min(bytes, elapsedMs)).toBeGreaterThan(0);

  const shown = await fetch(`${gateway}/-/metrics`);
  expect(shown.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = await shown.text();
  expect(lines).toContain('once_again_gateway_requests_total{route="*",status="201"} 2');
  expect(lines).toContain('once_again_gateway_requests_total{route="pass-through",status="200"} 1');
  expect(lines).toContain('once_again_gateway_operations_total{route="*",event="replayed"} 1');
  expect(lines).toContain('once_again_gateway_operations_total{route="*",event="outcome-unknown"} 1');
  expect(lines).toContain('once_again_gateway_upstream_failures_total{route="*"} 1');
  expect(lines).toMatch(/once_again_gateway_store_duration_seconds_count\{operation="claim"\} \d/);
});

test("who shuts down ends what is running, takes nothing new, and cuts off what takes too long", async () => {
  const begun = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const url = await startHttpServer(async (request, response) => {
    if (request.url === "/stream") return void response.write("first");
    begun.resolve();
    await go.promise;
    response.end("done");
  });
  const gateway = await gatewayTo(url, { routes });
  const stream = request(`${gateway.url}/stream`).end();
  const [streaming] = (await once(stream, "response")) as [IncomingMessage];
  const cut = text(streaming);
  cut.catch(() => undefined);
  const running = posted(gateway.url);
  await begun.promise;
  const closed = gateway.close(500);
  await expect(post(gateway.url, "late")).rejects.toThrow("fetch failed");
  go.resolve();
  expect(await running).toMatchObject({ status: 200, text: "done" });
  await closed;
  await expect(cut).rejects.toThrow("aborted");
});

test.for(["its own", "a replaced one's"] as const)(
  "an operation that takes too long is cut off at the service, and held when the gateway has ended: by %s options",
  async (by) => {
    const begun = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const url = await startHttpServer((_request, response) => {
      response.once("close", left.resolve);
      begun.resolve();
    });
    const store = memoryStore();
    let calls = 0;
    const counted = { ...store, renew: (request: never) => ((calls += 1), store.renew(request)) };
    const options = { upstream: new URL(url), routes, store: counted, scope: async () => ({ scope: "all" }) };
    const gateway = await gatewayTo(url, options);
    const running = post(gateway.url).catch(() => undefined);
    await begun.promise;
    if (by !== "its own") gateway.reload(options);
    await gateway.close(100);
    expect(store.list({})).toMatchObject([{ state: "abandoned" }]);
    expect(calls).toBe(1);
    await Promise.all([left.promise, running]);
  },
);

test("new options hold for new requests, and a running one ends by its own", async () => {
  const begun = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const slow = await startHttpServer(async (_request, response) => {
    begun.resolve();
    await go.promise;
    response.end("old");
  });
  const { url } = await scriptedServer();
  const store = memoryStore();
  const scope = async () => ({ scope: "all" });
  const gateway = await gatewayTo(slow, { routes, store });
  const running = posted(gateway.url, "running");
  await begun.promise;
  gateway.reload({ upstream: new URL(new URL(url).origin), store, scope, routes: [{ ...keyedRoute, keyed: false }] });
  expect(() => gateway.reload({ upstream: new URL(slow), store, scope, routes, limits: { idleMs: -1 } })).toThrow(
    "idleMs",
  );
  expect(await posted(gateway.url, "k")).toMatchObject({ text: "status 200", replayed: false });
  expect(await posted(gateway.url, "k")).toMatchObject({ text: "status 200", replayed: false });
  go.resolve();
  expect(await running).toMatchObject({ text: "old" });
});

test("the gateway's own paths tell of its routes, and are not counted as requests that pass through", async () => {
  const { url, received } = await scriptedServer();
  const metrics = gatewayMetrics();
  const { url: gateway } = await gatewayTo(new URL(url).origin, {
    routes: [{ ...keyedRoute, path: "/pay", onUnknown: { policy: "reconcile", url: "/secret/{key}" } }],
    metrics: () => metrics.registry.metrics(),
    onRequest: metrics.onRequest,
  });
  const document = await (await fetch(`${gateway}/-/routes`)).json();
  expect(document).toEqual({
    routes: [{ methods: ["POST", "PATCH"], path: "/pay", keyed: "required", onUnknown: "reconcile" }],
  });
  const counted = async (): Promise<string> => (await fetch(`${gateway}/-/metrics`)).text();
  await expect.poll(counted).toContain('once_again_gateway_requests_total{route="/-/routes",status="200"} 1');
  expect(await counted()).not.toContain("pass-through");
  expect(received).toEqual([]);
});

test("to end a gateway twice is to end it once", async () => {
  const { url } = await scriptedServer();
  const gateway = await gatewayTo(new URL(url).origin, { routes });
  await Promise.all([gateway.close(), gateway.close()]);
  await gateway.close();
});

test("however many look at the health of a silent store, it is asked once, and /-/health never reaches the service", async () => {
  const { url, received } = await scriptedServer();
  let asked = 0;
  const list = () => {
    asked += 1;
    return new Promise<never>(() => undefined);
  };
  const { url: gateway } = await gatewayTo(new URL(url).origin, { routes, store: { ...memoryStore(), list } });
  const looks = await Promise.all(Array.from({ length: 20 }, () => fetch(`${gateway}/-/health`)));
  expect(new Set(looks.map(({ status }) => status))).toEqual(new Set([200]));
  expect(asked).toBe(1);
  expect(received).toEqual([]);
});

test("held keys are gauges, and a store that does not answer leaves a gap", async () => {
  const clock = fakeClock(1_700_000_000_000);
  const store = memoryStore({ clock });
  let isAway = false;
  const countHeld = async () => (isAway ? Promise.reject(new Error("away")) : store.countHeld!());
  const { registry } = gatewayMetrics({ countHeld });
  const held = async () => (await registry.metrics()).match(/^once_again_gateway_held\w+ .*$/gm);
  expect(await held()).toEqual(["once_again_gateway_held_keys 0", "once_again_gateway_held_oldest_seconds 0"]);
  await store.claim({ scope: "acme", key: "order-1", fingerprint: "f", owner: "w", leaseMs: 1000, retentionMs: 2000 });
  await clock.advance(5000);
  expect(await held()).toEqual(["once_again_gateway_held_keys 1", "once_again_gateway_held_oldest_seconds 4"]);
  isAway = true;
  expect(await held()).toBeNull();
  expect(await gatewayMetrics({}).registry.metrics()).not.toContain("held");
});
