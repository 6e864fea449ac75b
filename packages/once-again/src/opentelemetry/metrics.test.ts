import { readdirSync, readFileSync } from "node:fs";
import { context, propagation, trace } from "@opentelemetry/api";
import { expect, test } from "vitest";
import { recordingMeter, recordingTracer } from "../../../../test/support/telemetry.ts";
import type { FetchEvent } from "../client/index.ts";
import type { ServerEvent } from "../engine/index.ts";
import type { Inbox, InboxVerdict } from "../messaging/inbox/index.ts";
import type { OutboxMessage, RelayEvent } from "../messaging/outbox/index.ts";
import { clientTelemetry, messageTelemetry, serverTelemetry } from "./index.ts";
import { metricDefinitions } from "./metrics.ts";

const { tracer } = recordingTracer();

/** Events of every kind, of callers, servers, relays and inboxes, through the telemetry of each. */
async function emitEverything(): Promise<Record<string, [attributes: object, value: number][]>> {
  const { meter, points } = recordingMeter();
  const error = Object.assign(new Error("away"), { code: "ECONNREFUSED" });

  const server = serverTelemetry({ meter, trace, store: { countHeld: () => ({ keys: 1, oldestMs: 1000 }) } });
  const name = { scope: "acme", key: "order-7" };
  const facts = { call: {}, attempt: undefined };
  const serverEvents: ServerEvent[] = [
    { type: "received", ...name, ...facts },
    { type: "store-answered", ...name, operation: "claim", elapsedMs: 1 },
    { type: "executed", ...name, ...facts },
    { type: "handler-failed", ...name, ...facts, error },
    { type: "store-failed", ...name, operation: "claim", error },
  ];
  for (const event of serverEvents) server(event);

  const client = clientTelemetry({ meter, tracer, trace, context });
  const call = { call: {}, method: "GROPE", url: "https://shop.example/orders", key: "order-7", status: undefined };
  const common = { ...call, verdict: undefined } as const;
  const clientEvents = [
    { type: "attempt-started", attempt: 1 },
    { type: "retry-scheduled", delayMs: 1, why: "status 503" },
    { type: "retry-denied", why: "budget" },
    { type: "gave-up", why: "budget", attempts: 1, elapsedMs: 1, status: 503 },
  ].map((event) => ({ ...common, ...event }) as unknown as FetchEvent);
  for (const event of clientEvents) client(event);

  const messages = messageTelemetry({ meter, tracer, trace, context, propagation, system: "rabbitmq" });
  messages.observeBacklog({
    backlog: async () => ({ messages: 2, parked: 1, unconfirmed: 1, places: 1, oldestMs: 1000 }),
  });
  messages.onRelayEvent({ type: "published", id: "1", topic: "orders", place: "orders", lagMs: 1, isDuplicate: false });
  messages.onRelayEvent({ type: "fault", error } satisfies RelayEvent);
  const message = { id: "1", topic: "orders", headers: {}, body: new Uint8Array() } as unknown as OutboxMessage;
  const refuse = messages.tracePublish(() => Promise.reject(error));
  await expect(refuse(message, {} as never)).rejects.toBe(error);
  const letter: InboxVerdict = { action: "dead-letter", reason: "failed", error } as never;
  const handle: Inbox["handle"] = async (delivered, work) => {
    await work({ ...delivered, id: "1" }, {} as never);
    await work({ ...delivered, id: "1" }, {} as never);
    return letter;
  };
  const close = async (): Promise<void> => undefined;
  const parts = { consumer: "shipping", hasMarks: false, handle, close, [Symbol.asyncDispose]: close };
  const inbox = messages.traceInbox(parts);
  await inbox.handle({ ...message, deliveries: 2 }, async () => undefined);
  return points();
}

test("every metric that is emitted is in the table, with its attributes, and every one of the table is emitted", async () => {
  const emitted = await emitEverything();
  const seen = Object.fromEntries(
    Object.entries(emitted).map(([name, points]) => [
      name,
      [...new Set(points.flatMap(([attributes]) => Object.keys(attributes)))].sort(),
    ]),
  );
  const defined = Object.fromEntries(
    Object.values(metricDefinitions).map(({ name, attributes }) => [name, [...attributes].sort()]),
  );
  expect(seen).toEqual(defined);
});

test("instruments are made from the definitions alone", () => {
  const folder = new URL("./", import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
  const makers = files.filter((file) =>
    /\.create(?:Counter|Histogram|ObservableGauge|UpDownCounter)\(/.test(readFileSync(new URL(file, folder), "utf8")),
  );
  expect(makers).toEqual(["metrics.ts"]);
});

test("nothing that callers choose can fill a metric: an unknown method is one of others", async () => {
  const { "once_again.client.attempts": attempts = [] } = await emitEverything();
  expect(attempts.map(([attributes]) => attributes)).toEqual([
    { "http.request.method": "_OTHER", "server.address": "shop.example", "server.port": 443 },
  ]);
});
