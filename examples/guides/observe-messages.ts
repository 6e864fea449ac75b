import { context, metrics, propagation, trace } from "@opentelemetry/api";
import amqplib from "amqplib";
import { consumeRabbitmq, openInbox, readJson } from "once-again/inbox";
import { messageTelemetry } from "once-again/opentelemetry";
import { openRelay, publishToRabbitmq } from "once-again/outbox";
import { sqliteOutbox, sqliteStore } from "once-again/stores/sqlite";

// After your SDK has started.
const telemetry = messageTelemetry({
  tracer: trace.getTracer("shop"),
  meter: metrics.getMeter("shop"),
  trace,
  context,
  propagation,
  system: "rabbitmq",
});

// Where orders are placed: each message that is added takes the active span along.
export const outbox = telemetry.traceOutbox(sqliteOutbox({ path: "shop.db" }));

// Where messages are published.
const connection = await amqplib.connect(process.env["RABBITMQ_URL"] ?? "amqp://localhost", { recovery: true });
const publisher = publishToRabbitmq(connection, { exchange: "", routingKey: () => "shipping" });
const relay = openRelay({ outbox, publish: telemetry.tracePublish(publisher), onEvent: telemetry.onRelayEvent });
telemetry.observeBacklog(outbox);

// Where they are handled: the work's own spans are below those of its message.
const store = sqliteStore({ path: "shop.db" });
const inbox = telemetry.traceInbox(openInbox({ mode: "transactional", store, consumer: "shipping" }));
const consumer = await consumeRabbitmq(connection, { inbox, queue: "shipping" }, (message, { transaction }) => {
  const { id } = readJson(message) as { id: string };
  transaction.prepare("INSERT INTO parcels (order_id) VALUES (?)").run(id);
});

export async function close(): Promise<void> {
  await relay.close();
  await Promise.all([inbox.close(), consumer.close()]);
  await connection.close();
}
