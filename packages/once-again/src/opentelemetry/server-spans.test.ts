import { createHash } from "node:crypto";
import { context, trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { appDatabase, insertOrder } from "../../../../test/support/app-database.ts";
import { faultyStore } from "../../../../test/support/faulty-store.ts";
import { recordingMeter, recordingTracer } from "../../../../test/support/telemetry.ts";
import type { ServerEvent } from "../engine/index.ts";
import { onceWeb } from "../frameworks/web.ts";
import type { LeasedHttpOptions } from "../http/index.ts";
import { onceFunction } from "../function/index.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { sqliteStore } from "../stores/sqlite/index.ts";
import { combineListeners, serverTelemetry } from "./index.ts";

const { tracer, finished } = recordingTracer();
const meter = recordingMeter().meter;

/** Runs a call within a span, as the instrumentation of an HTTP server does. */
async function inSpan<Value>(name: string, call: () => Promise<Value>): Promise<Value> {
  const span = tracer.startSpan(name);
  try {
    return await context.with(trace.setSpan(context.active(), span), call);
  } finally {
    span.end();
  }
}

const post = (key: string, body = "tea"): Request =>
  new Request("https://shop.example/orders", { method: "POST", body, headers: { "idempotency-key": key } });

/** A route on a memory store and a clock that stands still; each request has a span that is named for it. */
function route(
  options: Partial<LeasedHttpOptions<Request>> = {},
  handler = (): Awaitable => new Response("made", { status: 201 }),
) {
  const clock = fakeClock(1_700_000_000_000);
  const store = faultyStore(memoryStore({ clock }));
  const onEvent = serverTelemetry({ meter, trace });
  const once = onceWeb({ store, scope: () => "acme", clock, onEvent, onError: () => undefined, ...options }, handler);
  return {
    clock,
    store,
    send: (name: string, key: string, body?: string) => inSpan(name, () => once(post(key, body))),
  };
}

type Awaitable = Response | Promise<Response>;

const spanOf = (name: string): ReadableSpan => finished().find((span) => span.name === name)!;
const attributesOf = (name: string) => spanOf(name).attributes;
const eventsOf = (name: string) => spanOf(name).events.map((event) => [event.name, event.attributes]);
const hashOf = (key: string) => createHash("sha256").update(key).digest("hex").slice(0, 16);

test("the span in which a request came says what became of its operation", async () => {
  const { send } = route();
  await send("first", "k-1");
  await send("repeat", "k-1");
  await send("another", "k-1", "coffee");
  const key = { "once_again.key.hash": hashOf("k-1") };
  expect(attributesOf("first")).toEqual({ ...key, "once_again.outcome": "executed", "once_again.attempt": 1 });
  expect(attributesOf("repeat")).toEqual({ ...key, "once_again.outcome": "replayed" });
  expect(attributesOf("another")).toEqual({ ...key, "once_again.outcome": "mismatch" });
  expect(eventsOf("first").map(([name]) => name)).toEqual(["operation ended"]);
  expect(JSON.stringify(finished().map(({ attributes, events }) => [attributes, events]))).not.toMatch(/k-1|acme|tea/);
});

test("the handler's spans, and what is active when it ends, change nothing", async () => {
  const { send } = route({}, () => inSpan("charge", async () => new Response("made")));
  await send("first", "k-1");
  expect(attributesOf("charge")).toEqual({});
  expect(attributesOf("first")).toMatchObject({ "once_again.outcome": "executed" });
});

test("a time-out is on the span of its request, although one timer serves all", async () => {
  const forever = new Promise<never>(() => undefined);
  const { clock, send } = route({ limits: { handlerMsMax: 500 }, leaseMs: 10_000 }, () => forever);
  const first = send("first", "k-1");
  await clock.advance(250);
  const second = send("second", "k-2");
  await clock.advance(250);
  expect((await first).status).toBe(504);
  await clock.advance(250);
  expect((await second).status).toBe(504);
  for (const [name, key] of [
    ["first", "k-1"],
    ["second", "k-2"],
  ] as const) {
    expect(attributesOf(name)).toEqual({
      "once_again.outcome": "handler-failed",
      "once_again.attempt": 1,
      "once_again.key.hash": hashOf(key),
    });
    expect(eventsOf(name)).toEqual([["operation ended", { "error.type": "ONCE_HANDLER_TIMEOUT" }]]);
  }
});

test("a lost lease is on the span of its request", async () => {
  const end = Promise.withResolvers<void>();
  const { clock, store, send } = route({ leaseMs: 1000 }, async () => {
    await end.promise;
    return new Response("late", { status: 201 });
  });
  store.fail("renew", "before", 100);
  const first = send("first", "k-1");
  await clock.advance(300);
  const second = send("second", "k-2");
  await clock.advance(5000);
  end.resolve();
  await Promise.all([first, second]);
  for (const name of ["first", "second"]) {
    expect(
      eventsOf(name).filter(([event]) => event === "lease lost"),
      name,
    ).toHaveLength(1);
  }
});

test("a store that fails is on the span of its request", async () => {
  const { clock, store, send } = route();
  store.fail("claim", "before", 2);
  const refused = send("refused", "k-1");
  await clock.advance(1000);
  expect((await refused).status).toBe(503);
  expect(attributesOf("refused")).toEqual({
    "once_again.outcome": "store-failed",
    "once_again.key.hash": hashOf("k-1"),
  });
  expect(eventsOf("refused")).toMatchObject([["store failed", { "once_again.store.operation": "claim" }]]);
});

test("transactional routes and functions are described in the same way", async () => {
  const { path } = appDatabase();
  const store = sqliteStore({ path });
  const onEvent = serverTelemetry({ meter, trace });
  const once = onceWeb(
    { mode: "transactional", store, scope: () => "acme", onEvent },
    async (_request, { transaction }) => {
      insertOrder(transaction, "tea");
      return new Response("made", { status: 201 });
    },
  );
  await inSpan("transaction", () => once(post("k-1")));
  await inSpan("transaction again", () => once(post("k-1")));
  const charge = onceFunction(
    { store: memoryStore(), scope: "charge", key: (id: string) => id, onEvent },
    () => "paid",
  );
  await inSpan("function", () => charge("k-2"));
  expect(attributesOf("transaction")).toMatchObject({ "once_again.outcome": "executed", "once_again.attempt": 1 });
  expect(attributesOf("transaction again")).toMatchObject({ "once_again.outcome": "replayed" });
  expect(attributesOf("function")).toMatchObject({
    "once_again.outcome": "executed",
    "once_again.key.hash": hashOf("k-2"),
  });
});

test("neither a missing span, nor one that is not recorded, nor one that has ended is written to", async () => {
  const written: unknown[] = [];
  let isRecording = true;
  const span = {
    isRecording: () => isRecording,
    setAttributes: (attributes: object) => written.push(attributes),
    addEvent: (name: string) => written.push(name),
    setStatus: () => undefined,
    end: () => undefined,
  };
  const onEvent = serverTelemetry({ meter, trace: { getActiveSpan: () => (isRecording ? span : undefined) } });
  const handler = (): Response => {
    isRecording = false;
    return new Response("made");
  };
  const once = onceWeb({ store: memoryStore(), scope: () => "acme", onEvent }, handler);
  expect((await once(post("k-1"))).status).toBe(200);
  expect((await once(post("k-1"))).status).toBe(200);
  expect(written).toEqual([]);
});

test("events of one request have one identity, and none of another's", async () => {
  const events: ServerEvent[] = [];
  const { send } = route({ onEvent: (event) => void events.push(event) });
  await send("first", "k-1");
  await send("repeat", "k-1");
  const calls = events.flatMap((event) => ("call" in event ? [event] : []));
  expect(calls.map(({ type, attempt }) => [type, attempt])).toEqual([
    ["received", undefined],
    ["executed", 1],
    ["received", undefined],
    ["replayed", undefined],
  ]);
  expect(calls[0]!.call).toBe(calls[1]!.call);
  expect(calls[2]!.call).toBe(calls[3]!.call);
  expect(calls[0]!.call).not.toBe(calls[2]!.call);
});

test("options that can't work are refused at once", () => {
  const refused = { code: "ONCE_OPTION_INVALID" };
  for (const options of [{}, { meter: {} }, { meter, trace: {} }, { meter, trace: tracer }, { meter, tracer }]) {
    expect(() => serverTelemetry(options as never), Object.keys(options).join()).toThrow(
      expect.objectContaining(refused),
    );
  }
  expect(() => combineListeners("log" as never)).toThrow(expect.objectContaining(refused));
  const list = [serverTelemetry({ meter }), () => undefined];
  expect(() => route({ onEvent: list as never })).toThrow("onEvent");
});

test("several listeners are one, and one that throws stops no other", async () => {
  const events: string[] = [];
  const onEvent = combineListeners<ServerEvent>(
    () => {
      throw new Error("listener");
    },
    undefined,
    serverTelemetry({ meter, trace }),
    ({ type }) => void events.push(type),
  );
  const { send } = route({ onEvent });
  await send("first", "k-1");
  expect(events).toEqual(["received", "store-answered", "store-answered", "executed"]);
  expect(attributesOf("first")).toMatchObject({ "once_again.outcome": "executed" });
});
