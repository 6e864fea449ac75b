import { context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { memoryOutbox } from "../../../../test/support/outbox/memory-outbox.ts";
import { recordingMeter, recordingTracer } from "../../../../test/support/telemetry.ts";
import { NoEffectError } from "../engine/index.ts";
import { type InboxMessage, openInbox, rejectedError } from "../messaging/inbox/index.ts";
import {
  type NewMessage,
  openRelay,
  type OutboxMessage,
  type Publish,
  refusedError,
} from "../messaging/outbox/index.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { messageTelemetry, type MessageTelemetryOptions } from "./message-telemetry.ts";

const { tracer, finished } = recordingTracer();
let metering: ReturnType<typeof recordingMeter>;

beforeEach(() => {
  metering = recordingMeter();
});

afterEach(() => metering.shutdown());

const optionsOf = (): MessageTelemetryOptions => ({
  tracer,
  meter: metering.meter,
  trace,
  context,
  propagation,
  system: "rabbitmq",
});
const telemetryOf = (more: Partial<MessageTelemetryOptions> = {}) => messageTelemetry({ ...optionsOf(), ...more });

const spanNamed = (name: string): ReadableSpan => finished().find((span) => span.name === name)!;
const idOf = (span: ReadableSpan): string => span.spanContext().spanId;
const traceOf = (span: ReadableSpan): string => span.spanContext().traceId;
const linksOf = (span: ReadableSpan): string[] => span.links.map((link) => link.context.spanId);

/** Runs a call within a span. */
async function within<Value>(name: string, call: () => Promise<Value>): Promise<Value> {
  return tracer.startActiveSpan(name, async (span) => {
    try {
      return await call();
    } finally {
      span.end();
    }
  });
}

/** An outbox in memory with a relay that hands its messages to `publish`, all of it with telemetry. */
function traced(publish: Publish, more: Partial<MessageTelemetryOptions> = {}) {
  const telemetry = telemetryOf(more);
  const fixture = memoryOutbox();
  const outbox = telemetry.traceOutbox(fixture.outbox);
  const add = async (message: NewMessage): Promise<string> => {
    const { transaction, commit } = await fixture.begin();
    const id = await outbox.add(transaction, message);
    await commit();
    return id;
  };
  const open = (options: object = {}) => {
    const onEvent = telemetry.onRelayEvent;
    const relay = openRelay({ outbox, publish: telemetry.tracePublish(publish), onEvent, ...options });
    onTestFinished(() => relay.close());
    return relay;
  };
  return { telemetry, outbox, add, open };
}

const order: NewMessage = { topic: "order.placed", id: "order-1", body: { amount: 1 } };

/** A message as a broker delivers what was published. */
const delivered = ({ id, topic, headers, body }: OutboxMessage, more: Partial<InboxMessage> = {}): InboxMessage => ({
  id,
  topic,
  headers,
  body,
  ...more,
});

function inboxOf(telemetry = telemetryOf()) {
  const store = memoryStore();
  const quiet = { backoff: () => 1, onError: () => undefined, deliveriesMax: 3 };
  const inbox = telemetry.traceInbox(openInbox({ store, consumer: "shipping", ...quiet }));
  onTestFinished(() => inbox.close());
  return inbox;
}

const message: InboxMessage = { id: "1", topic: "order.placed", headers: {}, body: new Uint8Array([1]) };

describe("the trace of a message", () => {
  test("goes from the span that adds it through the relay to the work of its consumer", async () => {
    const published: OutboxMessage[] = [];
    const { add, open, telemetry } = traced(async (one) => void published.push(one));
    await within("place order", () => add(order));
    await open().idle();
    const inbox = inboxOf(telemetry);
    await inbox.handle(delivered(published[0]!), () => within("insert parcel", async () => undefined));

    const [request, create, publish, process, insert] = [
      "place order",
      "create order.placed",
      "publish order.placed",
      "process order.placed",
      "insert parcel",
    ].map(spanNamed) as [ReadableSpan, ReadableSpan, ReadableSpan, ReadableSpan, ReadableSpan];
    expect([create, publish, process, insert].map(traceOf)).toEqual(Array.from({ length: 4 }, () => traceOf(request)));
    expect(create.parentSpanContext?.spanId).toBe(idOf(request));
    expect(publish.parentSpanContext?.spanId).toBe(idOf(create));
    expect(process.parentSpanContext?.spanId).toBe(idOf(create));
    expect(insert.parentSpanContext?.spanId).toBe(idOf(process));
    expect([linksOf(publish), linksOf(process)]).toEqual([[idOf(create)], [idOf(create)]]);
    expect([create.kind, publish.kind, process.kind]).toEqual([SpanKind.PRODUCER, SpanKind.CLIENT, SpanKind.CONSUMER]);
    expect(published[0]!.headers["traceparent"]).toBe(`00-${traceOf(create)}-${idOf(create)}-01`);
    const shared = {
      "messaging.system": "rabbitmq",
      "messaging.destination.name": "order.placed",
      "messaging.message.id": "order-1",
    };
    expect(create.attributes).toEqual({
      ...shared,
      "messaging.operation.name": "create",
      "messaging.operation.type": "create",
    });
    expect(publish.attributes).toEqual({
      ...shared,
      "messaging.operation.name": "publish",
      "messaging.operation.type": "send",
      "messaging.message.body.size": 12,
    });
    expect(process.attributes).toEqual({
      ...shared,
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.message.body.size": 12,
      "messaging.consumer.group.name": "shipping",
      "once_again.outcome": "executed",
      "once_again.attempts": 1,
    });
  });

  test("begins with its publication where its addition was not traced", async () => {
    const published: OutboxMessage[] = [];
    const publish = telemetryOf().tracePublish(async (one) => void published.push(one));
    const plain = { ...order, id: "1", orderingKey: undefined, headers: {}, body: new Uint8Array(), addedAt: 0 };
    await publish(plain, { signal: new AbortController().signal });
    await inboxOf().handle(delivered(published[0]!), () => undefined);
    const [sent, process] = [spanNamed("publish order.placed"), spanNamed("process order.placed")];
    expect([sent.kind, linksOf(sent), linksOf(process)]).toEqual([SpanKind.PRODUCER, [], [idOf(sent)]]);
    expect(process.parentSpanContext?.spanId).toBe(idOf(sent));
  });

  test("that the caller has put into the headers stays", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const published: OutboxMessage[] = [];
    const { add, open } = traced(async (one) => void published.push(one));
    await add({ ...order, headers: { traceparent } });
    await open().idle();
    expect(published[0]!.headers["traceparent"]).toBe(traceparent);
    expect(spanNamed("create order.placed")).toBeUndefined();
    expect(linksOf(spanNamed("publish order.placed"))).toEqual(["b7ad6b7169203331"]);
  });

  test("is a link alone where a span is active around the delivery", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await within("deliver", async () => {
      await inboxOf().handle({ ...message, headers: { traceparent } }, () => undefined);
    });
    const process = spanNamed("process order.placed");
    expect(process.parentSpanContext?.spanId).toBe(idOf(spanNamed("deliver")));
    expect(linksOf(process)).toEqual(["b7ad6b7169203331"]);
  });

  test.for([
    ["is no trace", "garbage"],
    ["has an id of zeros", "00-00000000000000000000000000000000-b7ad6b7169203331-01"],
  ])("that %s is ignored", async ([, traceparent]) => {
    await inboxOf().handle({ ...message, headers: { traceparent: traceparent! } }, () => undefined);
    expect(linksOf(spanNamed("process order.placed"))).toEqual([]);
  });

  test("has no message refused: baggage that is too large is left out, and where headers are full, all of it", async () => {
    const published: OutboxMessage[] = [];
    const { add, open } = traced(async (one) => void published.push(one));
    const large = propagation.setBaggage(
      context.active(),
      propagation.createBaggage({ note: { value: "x".repeat(2000) } }),
    );
    await context.with(large, () => add({ ...order, id: "1" }));
    const full = { note: "x".repeat(8100) };
    await add({ ...order, id: "2", headers: full });
    await open().idle();
    const headers = published.toSorted((one, other) => one.id.localeCompare(other.id)).map((one) => one.headers);
    expect(headers).toEqual([
      { "content-type": "application/json", traceparent: expect.any(String) },
      { "content-type": "application/json", ...full },
    ]);
  });
});

describe("an addition", () => {
  test("that is refused ends its span with the error's code", async () => {
    const { add } = traced(async () => undefined);
    await expect(add({ ...order, topic: "" })).rejects.toMatchObject({ code: "ONCE_MESSAGE_INVALID" });
    const [span] = finished();
    expect(span).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { "error.type": "ONCE_MESSAGE_INVALID" },
    });
  });

  test.for([[null], [7], [{ topic: "t", body: "", headers: null }]])(
    "of %j is the outbox's to refuse",
    async ([what]) => {
      const { add } = traced(async () => undefined);
      await expect(add(what as never)).rejects.toMatchObject({ code: "ONCE_MESSAGE_INVALID" });
      expect(finished()).toEqual([]);
    },
  );
});

test("what a relay publishes, is refused and parks is counted, and so is its time", async () => {
  const { add, open } = traced(async ({ id }) => {
    if (id === "poison") throw refusedError("no");
    return { isDuplicate: id === "again" };
  });
  for (const id of ["good", "again", "poison"]) await add({ ...order, id });
  const parked = Promise.withResolvers<void>();
  const { onRelayEvent } = telemetryOf();
  const onEvent: typeof onRelayEvent = (event) => {
    onRelayEvent(event);
    if (event.type === "parked") parked.resolve();
  };
  const relay = open({ onEvent, refusalsMax: 2, backoff: () => 1, pollMs: 1 });
  await parked.promise;
  await relay.idle();
  const points = await metering.points();
  const destination = { "messaging.system": "rabbitmq", "messaging.destination.name": "order.placed" };
  const operation = { ...destination, "messaging.operation.name": "publish", "messaging.operation.type": "send" };
  const failed = { ...operation, "error.type": "ONCE_MESSAGE_REFUSED" };
  const sent = [
    [operation, 2],
    [failed, 2],
  ];
  expect(points["messaging.client.sent.messages"]).toEqual(sent);
  expect(points["messaging.client.operation.duration"]).toEqual(sent);
  expect(points["once_again.relay.events"]).toEqual([
    [{ ...destination, "once_again.event": "published" }, 2],
    [{ ...destination, "once_again.event": "refused" }, 1],
    [{ ...destination, "once_again.event": "parked" }, 1],
  ]);
  expect(points["once_again.outbox.lag"]).toEqual([[destination, 2]]);
  const duplicates = finished().filter(({ attributes }) => attributes["once_again.duplicate"] === true);
  expect(duplicates.map(({ attributes }) => attributes["messaging.message.id"])).toEqual(["again"]);
});

test("what becomes of deliveries is counted: repeats, redeliveries, retries, dead letters", async () => {
  const inbox = inboxOf();
  let tries = 0;
  await inbox.handle(message, () => {
    tries += 1;
    if (tries === 1) throw new NoEffectError("sold out");
  });
  await inbox.handle({ ...message, deliveries: 2 }, () => undefined);
  await inbox.handle({ ...message, id: "2" }, () => {
    throw rejectedError("never");
  });
  await inbox.handle({ ...message, id: undefined }, () => undefined);
  const points = await metering.points();
  const attributes = {
    "messaging.system": "rabbitmq",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": "order.placed",
    "messaging.consumer.group.name": "shipping",
  };
  const dead = { ...attributes, "once_again.outcome": "dead-letter" };
  expect(points["once_again.inbox.messages"]).toEqual([
    [{ ...attributes, "once_again.outcome": "executed" }, 1],
    [{ ...attributes, "once_again.outcome": "replayed" }, 1],
    [{ ...dead, "once_again.dead_letter.reason": "rejected" }, 1],
    [{ ...dead, "once_again.dead_letter.reason": "unreadable" }, 1],
  ]);
  expect(points["once_again.inbox.redeliveries"]).toEqual([[attributes, 1]]);
  expect(points["once_again.inbox.retries"]).toEqual([[attributes, 1]]);
  const consumed = [
    [attributes, 2],
    [{ ...attributes, "error.type": "rejected" }, 1],
    [{ ...attributes, "error.type": "unreadable" }, 1],
  ];
  expect(points["messaging.client.consumed.messages"]).toEqual(consumed);
  expect(points["messaging.process.duration"]).toEqual(consumed);
  const [retried, repeat, rejected] = finished();
  expect(retried!.attributes["once_again.attempts"]).toBe(2);
  expect(retried!.events.map(({ name, attributes: facts }) => [name, facts])).toEqual([
    ["work failed", { "error.type": "ONCE_NO_EFFECT", "once_again.attempt": 1 }],
  ]);
  expect(retried!.status.code).toBe(SpanStatusCode.UNSET);
  expect(repeat!.attributes).toMatchObject({ "once_again.deliveries": 2, "once_again.attempts": 0 });
  expect(rejected).toMatchObject({
    status: { code: SpanStatusCode.ERROR },
    attributes: { "error.type": "rejected", "once_again.dead_letter.reason": "rejected" },
  });
});

test("a delivery that is given back is no error", async () => {
  const inbox = inboxOf();
  await inbox.close();
  expect(await inbox.handle(message, () => undefined)).toEqual({ action: "give-back" });
  const [span] = finished();
  expect(span).toMatchObject({
    status: { code: SpanStatusCode.UNSET },
    attributes: { "once_again.outcome": "give-back", "once_again.attempts": 0 },
  });
});

test("what is no message is the inbox's to refuse", async () => {
  const inbox = inboxOf();
  await expect(inbox.handle(null as never, () => undefined)).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
  await expect(inbox.handle(message, 7 as never)).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
  expect(finished()).toEqual([]);
});

test("what waits in an outbox is a gauge, until it is no longer observed", async () => {
  const { add, telemetry, outbox } = traced(async () => undefined);
  await add({ ...order, id: "1" });
  await add({ ...order, id: "2" });
  const end = telemetry.observeBacklog(outbox, { shop: "berlin" });
  const points = await metering.points();
  expect(points["once_again.outbox.messages"]).toEqual([[{ shop: "berlin" }, 2]]);
  expect(points["once_again.outbox.parked"]).toEqual([[{ shop: "berlin" }, 0]]);
  expect(points["once_again.outbox.oldest"]?.[0]?.[1]).toBeGreaterThanOrEqual(0);
  end();
  await add({ ...order, id: "3" });
  expect((await metering.points())["once_again.outbox.messages"] ?? []).not.toContainEqual([{ shop: "berlin" }, 3]);
});

test("topics with ids in them are named by a function", async () => {
  const { add, open } = traced(async () => undefined, { destination: (topic) => topic.replace(/\.\d+\./, ".*.") });
  await add({ ...order, topic: "orders.7.placed" });
  await open().idle();
  const named = finished().map(({ name }) => name);
  expect(named).toEqual(["create orders.*.placed", "publish orders.*.placed"]);
});

test("telemetry has nothing of a body or of a header", async () => {
  const { add, open } = traced(async () => undefined);
  await add({ ...order, headers: { authorization: "secret-1" }, body: "secret-2" });
  await open().idle();
  const exported = finished().map(({ attributes, events }) => [attributes, events]);
  expect(JSON.stringify([exported, await metering.points()])).not.toContain("secret");
});

describe("a telemetry of messages", () => {
  test.for<[Record<string, unknown>, RegExp]>([
    [{ system: "" }, /system must be the broker/],
    [{ tracer: trace }, /tracer must be trace.getTracer/],
    [{ meter: {} }, /meter must be metrics.getMeter/],
    [{ propagation: undefined }, /propagation must be/],
    [{ context: trace }, /context must be/],
    [{ destination: "orders" }, /destination must be a function/],
    [{ traces: 1 }, /no option "traces"/],
  ])("refuses %j", ([options, problem]) => {
    expect(() => messageTelemetry({ ...optionsOf(), ...options })).toThrow(problem);
  });

  test("refuses to trace what is no outbox, publisher or inbox", () => {
    const telemetry = telemetryOf();
    const mistakes = [
      () => telemetry.traceOutbox({} as never),
      () => telemetry.tracePublish({} as never),
      () => telemetry.traceInbox({} as never),
      () => telemetry.observeBacklog(undefined as never),
    ];
    for (const mistake of mistakes) {
      expect(mistake).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
    }
  });
});
