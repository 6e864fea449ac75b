import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { afterEach, beforeEach, expect, test } from "vitest";
import { recordingMeter } from "../../../../test/support/telemetry.ts";
import { retryingFetch } from "../client/index.ts";
import { successBudget } from "../retry/index.ts";
import { onceNode } from "../frameworks/node.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { clientTelemetry, serverTelemetry } from "./index.ts";

const spans = new InMemorySpanExporter();
const tracing = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
let metering: ReturnType<typeof recordingMeter>;

/** The statuses that the server answers with, one for each request; then it runs the handler. */
let script: (number | "reset")[];
let server: Server;
let url: string;

beforeEach(async () => {
  spans.reset();
  metering = recordingMeter();
  script = [];
  const orders = onceNode(
    {
      store: memoryStore(),
      scope: "public",
      onEvent: serverTelemetry({ meter: metering.meter }),
    },
    (_request, response) => void response.writeHead(201).end("made"),
  );
  server = createServer((request, response) => {
    const next = script.shift();
    if (next === "reset") request.socket.resetAndDestroy();
    else if (next === undefined) void orders(request, response);
    else request.resume().on("end", () => response.writeHead(next).end());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`;
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await metering.shutdown();
});

const telemetry = () => clientTelemetry({ tracer: tracing.getTracer("test"), meter: metering.meter, trace, context });
const calling = (options: object = {}) =>
  retryingFetch({ keys: true, backoff: () => 1, attemptsMax: 3, onEvent: telemetry(), ...options });

test("a call has a span, and each attempt one below it", async () => {
  script = ["reset", 503];
  await calling()(`${url}?token=secret`, { method: "POST", body: "tea", headers: { "idempotency-key": "order-1" } });
  const [first, second, third, call] = spans.getFinishedSpans();
  const port = Number(new URL(url).port);
  const target = { "http.request.method": "POST", "url.full": url, "server.address": "127.0.0.1", "server.port": port };
  expect(call).toMatchObject({
    name: "POST with retries",
    kind: SpanKind.INTERNAL,
    status: { code: SpanStatusCode.UNSET },
    attributes: { ...target, "once_again.key": "order-1", "once_again.attempts": 3, "http.response.status_code": 201 },
  });
  expect(call?.events.map(({ name, attributes }) => [name, attributes?.["once_again.retry.reason"]])).toEqual([
    ["retry scheduled", "the connection was lost"],
    ["retry scheduled", "status 503"],
  ]);
  const parent = call?.spanContext().spanId;
  expect([first, second, third].map((span) => span?.parentSpanContext?.spanId)).toEqual([parent, parent, parent]);
  expect(first).toMatchObject({
    name: "POST",
    kind: SpanKind.CLIENT,
    status: { code: SpanStatusCode.ERROR },
    attributes: {
      ...target,
      "error.type": expect.stringMatching(/^(ECONNRESET|UND_ERR_SOCKET)$/),
      "once_again.delivery": "unknown",
    },
  });
  expect(first?.attributes).not.toHaveProperty("http.request.resend_count");
  expect(second?.attributes).toMatchObject({
    "http.request.resend_count": 1,
    "http.response.status_code": 503,
    "error.type": "503",
    "once_again.delivery": "failed",
  });
  expect(third?.attributes).toMatchObject({ "http.request.resend_count": 2, "http.response.status_code": 201 });
  expect(third?.attributes).not.toHaveProperty("error.type");
});

test("two calls at a time have separate spans, which have no secrets", async () => {
  const send = calling();
  await Promise.all([1, 2].map((order) => send(`${url}?token=secret`, { method: "POST", body: `order ${order}` })));
  const finished = spans.getFinishedSpans();
  const calls = finished.filter(({ kind }) => kind === SpanKind.INTERNAL).map((span) => span.spanContext().spanId);
  const parents = finished.filter(({ kind }) => kind === SpanKind.CLIENT).map((span) => span.parentSpanContext?.spanId);
  expect(new Set(parents)).toEqual(new Set(calls));
  expect(new Set(calls).size).toBe(2);
  expect(JSON.stringify(finished.map(({ attributes, events }) => [attributes, events]))).not.toMatch(/secret|order \d/);
});

test("the span has the reason why a retry was denied", async () => {
  script = [503, 503, "reset", 400];
  const budget = successBudget({ capacity: 10 });
  for (let taken = 0; taken < 10; taken += 1) budget.tryTake();
  await calling({ budget })(url, { method: "PUT" });
  await calling({ attemptsMax: 1 })(url, { method: "PUT" });
  await calling({ keys: "off" })(url, { method: "POST", body: "tea" }).catch(() => undefined);
  await calling()(url, { method: "PUT" });
  const calls = spans.getFinishedSpans().filter(({ kind }) => kind === SpanKind.INTERNAL);
  expect(calls.map(({ attributes }) => attributes["once_again.gave_up.reason"])).toEqual([
    "budget",
    "attempts",
    "unsafe",
    "permanent",
  ]);
  expect(calls.map(({ events }) => events.at(-1)?.attributes)).toEqual(
    ["budget", "attempts", "unsafe", "permanent"].map((why) => ({ "once_again.denied.reason": why })),
  );
  expect(calls.map(({ attributes }) => attributes["error.type"])).toEqual(["503", "503", "unsafe", "400"]);
  const { "once_again.client.retries_denied": denied = [] } = await metering.points();
  expect(
    denied.map(([attributes, value]) => [(attributes as Record<string, unknown>)["once_again.denied.reason"], value]),
  ).toEqual([
    ["budget", 1],
    ["attempts", 1],
    ["unsafe", 1],
    ["permanent", 1],
  ]);
});

test("an aborted call leaves no span open", async () => {
  const controller = new AbortController();
  const onEvent = telemetry();
  const send = retryingFetch({
    keys: true,
    onEvent(event) {
      onEvent(event);
      if (event.type === "attempt-started") controller.abort();
    },
  });
  await expect(send(url, { signal: controller.signal })).rejects.toMatchObject({ name: "AbortError" });
  expect(spans.getFinishedSpans().map(({ attributes }) => attributes["error.type"])).toEqual(["aborted", "aborted"]);
});

test("attempts, retries and the time of calls are counted", async () => {
  script = [503];
  const send = calling();
  await send(url, { method: "POST", body: "tea" });
  await send(url, { method: "POST", body: "tea" });
  const target = {
    "http.request.method": "POST",
    "server.address": "127.0.0.1",
    "server.port": Number(new URL(url).port),
  };
  expect(await metering.points()).toMatchObject({
    "once_again.client.attempts": [[target, 3]],
    "once_again.client.retries": [[{ ...target, "once_again.retry.reason": "status 503" }, 1]],
    "once_again.client.call.duration": [[{ ...target, "http.response.status_code": 201 }, 2]],
  });
});

test("the server's outcomes are counted, and the store's time is measured", async () => {
  const post = (body: string) => fetch(url, { method: "POST", body, headers: { "idempotency-key": "order-1" } });
  await post("tea");
  await post("tea");
  await post("coffee");
  expect(await metering.points()).toEqual({
    "once_again.server.events": ["executed", "replayed", "mismatch"].map((kind) => [{ "once_again.event": kind }, 1]),
    "once_again.server.store.duration": [
      [{ "once_again.store.operation": "claim" }, 3],
      [{ "once_again.store.operation": "complete" }, 1],
    ],
  });
});

test("held keys and the age of the oldest are gauges, where the store can count them", async () => {
  const clock = fakeClock(1_700_000_000_000);
  const store = memoryStore({ clock });
  serverTelemetry({ meter: metering.meter, store });
  expect(await metering.points()).toMatchObject({
    "once_again.server.held.keys": [[{}, 0]],
    "once_again.server.held.oldest": [[{}, 0]],
  });
  for (const key of ["order-1", "order-2"]) {
    await store.claim({ scope: "acme", key, fingerprint: "f", owner: key, leaseMs: 1000, retentionMs: 2000 });
    await clock.advance(5000);
  }
  expect(await metering.points()).toMatchObject({
    "once_again.server.held.keys": [[{}, 2]],
    "once_again.server.held.oldest": [[{}, 9]],
  });
  expect(() => serverTelemetry({ meter: metering.meter, store: {} })).not.toThrow();
});

test("a store that fails is counted by its operation", async () => {
  const events = serverTelemetry({ meter: metering.meter });
  events({ type: "store-failed", scope: "", key: "order-1", operation: "claim", error: new Error("down") });
  expect(await metering.points()).toMatchObject({
    "once_again.server.events": [[{ "once_again.event": "store-failed", "once_again.store.operation": "claim" }, 1]],
  });
});
