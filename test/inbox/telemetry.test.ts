import { execFile } from "node:child_process";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { jetstream } from "@nats-io/jetstream";
import { connect as connectNats, headers } from "@nats-io/transport-node";
import { context, propagation, SpanKind, trace } from "@opentelemetry/api";
import amqplib from "amqplib";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { openInbox } from "../../packages/once-again/src/messaging/inbox/index.ts";
import {
  openRelay,
  type Publish,
  publishToJetstream,
  publishToRabbitmq,
  publishToRedisStreams,
} from "../../packages/once-again/src/messaging/outbox/index.ts";
import { messageTelemetry } from "../../packages/once-again/src/opentelemetry/index.ts";
import { sqliteOutbox, sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { natsBinary, startNats } from "../support/servers/nats.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";
import { rabbitmqBinary, startRabbitmq } from "../support/servers/rabbitmq.ts";
import { redisBinary, startRedis } from "../support/servers/redis.ts";
import { recordingMeter, recordingTracer } from "../support/telemetry.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { closeLater, type Open, openJetstream, openRabbitmq, openRedis, serverOf } from "./brokers.ts";

// One trace from the request that adds a message, through the broker, to what its consumer does.

/** The guide's program, `observe-messages`, with an SDK. */
const child = fileURLToPath(new URL("telemetry-child.ts", import.meta.url));

const { tracer, finished } = recordingTracer();

/** Adds a message within a span, and has a relay and a consumer of a real broker handle it; it is published twice. */
async function traceThrough(open: Open, server: PrivateServer, publishTo: (url: string) => Promise<Publish>) {
  const metering = recordingMeter();
  onTestFinished(() => metering.shutdown());
  const telemetry = messageTelemetry({ tracer, meter: metering.meter, trace, context, propagation, system: "broker" });
  const path = join(temporaryFolder(), "shop.db");
  const shop = new DatabaseSync(path);
  const store = closeLater(sqliteStore({ path }));
  const outbox = closeLater(telemetry.traceOutbox(sqliteOutbox({ path })));
  const broker = await open(server);
  const publish = telemetry.tracePublish(await publishTo(server.url));
  const twice: Publish = async (message, given) => {
    await publish(message, given);
    await publish(message, given);
  };
  const inbox = telemetry.traceInbox(openInbox({ mode: "transactional", store, consumer: "billing" }));
  onTestFinished(() => inbox.close());
  await tracer.startActiveSpan("request", async (span) => {
    shop.exec("BEGIN IMMEDIATE");
    await outbox.add(shop, { topic: "orders.placed", id: "order-1", body: "tea" });
    shop.exec("COMMIT");
    span.end();
  });
  shop.close();
  await broker.consume(inbox as never, async () => tracer.startActiveSpan("charge", (span) => span.end()));
  const onEvent = telemetry.onRelayEvent;
  const relay = closeLater(openRelay({ outbox, publish: twice, onEvent, pollMs: 20 }));
  await relay.idle();
  return metering;
}

const named = (name: string) => finished().filter((span) => span.name === name);

async function expectOneTrace(deliveries: number): Promise<void> {
  while (named("process orders.placed").length < deliveries) await setTimeout(10);
  const [request] = named("request");
  const [create] = named("create orders.placed");
  const published = named("publish orders.placed");
  const processed = named("process orders.placed");
  const charges = named("charge");
  expect([published.length, charges.length]).toEqual([2, 1]);
  // To a slow consumer a broker delivers once more.
  expect(processed.length).toBeGreaterThanOrEqual(deliveries);
  for (const span of [create!, ...published, ...processed, ...charges]) {
    expect(span.spanContext().traceId).toBe(request!.spanContext().traceId);
  }
  const creation = create!.spanContext().spanId;
  for (const span of [...published, ...processed]) {
    expect(span.parentSpanContext?.spanId).toBe(creation);
    expect(span.links.map((link) => link.context.spanId)).toEqual([creation]);
  }
  for (const span of processed) expect(span.kind).toBe(SpanKind.CONSUMER);
  const outcomes = processed.map(({ attributes }) => String(attributes["once_again.outcome"]));
  expect(outcomes.toSorted()).toEqual(["executed", "replayed"].slice(0, deliveries));
  const executed = processed.find(({ attributes }) => attributes["once_again.outcome"] === "executed");
  expect(charges[0]!.parentSpanContext?.spanId).toBe(executed!.spanContext().spanId);
}

describeWithServer("a trace through RabbitMQ", rabbitmqBinary, () => {
  const server = serverOf(startRabbitmq);

  test("goes from the request that adds a message to what its consumer does", async () => {
    const metering = await traceThrough(openRabbitmq, server(), async (url) => {
      const connection = closeLater(await amqplib.connect(url));
      return publishToRabbitmq(connection, { exchange: "", routingKey: () => "billing" });
    });
    await expectOneTrace(2);
    const { "once_again.inbox.messages": messages } = await metering.points();
    expect(messages!.map(([, count]) => count)).toEqual([1, 1]);
  });

  test("is that of the guide's program", async () => {
    const connection = closeLater(await amqplib.connect(server().url));
    const channel = await connection.createConfirmChannel();
    for (const queue of ["shipping", "shipping.dead"]) await channel.assertQueue(queue);
    const folder = temporaryFolder();
    new DatabaseSync(join(folder, "shop.db")).exec("CREATE TABLE parcels (order_id TEXT)");
    const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@once-again/source", child, folder], {
      env: { ...process.env, RABBITMQ_URL: server().url },
    });
    expect(stdout).toBe("create < request\npublish < create order.placed\nprocess < create order.placed\n");
  });
});

describeWithServer("a trace through JetStream", natsBinary, () => {
  const server = serverOf(() => startNats());

  test("goes from the request that adds a message to what its consumer does", async () => {
    await traceThrough(openJetstream, server(), async (url) => {
      const connection = closeLater(await connectNats({ servers: url }));
      return publishToJetstream(jetstream(connection), { headers });
    });
    // JetStream takes the second copy for what it is.
    await expectOneTrace(1);
    const duplicates = named("publish orders.placed").map(({ attributes }) => attributes["once_again.duplicate"]);
    expect(duplicates).toEqual([undefined, true]);
  });
});

describeWithServer("a trace through Redis Streams", redisBinary, () => {
  const server = serverOf(() => startRedis());

  test("goes from the request that adds a message to what its consumer does", async () => {
    await traceThrough(openRedis("ioredis"), server(), async (url) => {
      const client = new Redis(url);
      onTestFinished(() => client.disconnect());
      return publishToRedisStreams(client, { stream: () => "orders" });
    });
    await expectOneTrace(2);
  });
});
