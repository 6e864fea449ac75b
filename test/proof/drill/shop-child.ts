/**
 * The shop of a drill: charges under a lease, orders in a transaction with their messages, the relay, and the consumer that packs parcels.
 * Express, PostgreSQL and RabbitMQ, as the guides have them. Each variable of `ShopVariables` is in its environment.
 */
import { appendFileSync } from "node:fs";
import process from "node:process";
import { context, metrics, propagation, trace } from "@opentelemetry/api";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import amqplib from "amqplib";
import express from "express";
import { Pool } from "pg";
import { onceExpress } from "../../../packages/once-again/src/frameworks/express.ts";
import {
  consumeRabbitmq,
  openInbox,
  readJson,
  rejectedError,
} from "../../../packages/once-again/src/messaging/inbox/index.ts";
import { openRelay, publishToRabbitmq } from "../../../packages/once-again/src/messaging/outbox/index.ts";
import { messageTelemetry, serverTelemetry } from "../../../packages/once-again/src/opentelemetry/index.ts";
import { postgresOutbox, postgresStore } from "../../../packages/once-again/src/stores/postgres/index.ts";
import type { Charge, Order, ShopVariables } from "./shop.ts";

const variables = process.env as unknown as ShopVariables;

// Before any meter is taken.
const port = Number(variables.METRICS_PORT);
const exporter = new PrometheusExporter({ host: "127.0.0.1", port, preventServerStart: true });
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [exporter] }));
await exporter.startServer();
const meter = metrics.getMeter("shop");
const tracing = { tracer: trace.getTracer("shop"), trace, context };

const pool = new Pool({ connectionString: variables.DATABASE_URL, max: 10, connectionTimeoutMillis: 2000 });
// Connections that break while the database is away are no end of the process.
pool.on("error", () => undefined);
await pool.query("CREATE TABLE IF NOT EXISTS orders (id text PRIMARY KEY, item text NOT NULL)");
await pool.query("CREATE TABLE IF NOT EXISTS parcels (order_id text PRIMARY KEY, item text NOT NULL)");
const store = postgresStore(pool);
await store.migrate();
const messages = messageTelemetry({ ...tracing, meter, propagation, system: "rabbitmq" });
const plainOutbox = postgresOutbox(pool);
await plainOutbox.migrate();
const outbox = messages.traceOutbox(plainOutbox);
messages.observeBacklog(outbox);

const connection = await amqplib.connect(variables.RABBITMQ_URL, { recovery: true });
const channel = await connection.createChannel();
const durable = { durable: true, arguments: { "x-queue-type": "quorum" } };
for (const queue of ["shipping", "shipping.dead"]) await channel.assertQueue(queue, durable);
await channel.close();

openRelay({
  outbox,
  publish: messages.tracePublish(publishToRabbitmq(connection, { exchange: "", routingKey: ({ topic }) => topic })),
  onEvent: messages.onRelayEvent,
  // Messages of accidents are what stderr would be full of.
  onError: () => undefined,
});

const inbox = messages.traceInbox(
  openInbox({ mode: "transactional", store, consumer: "shipping", onError: () => undefined }),
);
await consumeRabbitmq(connection, { inbox, queue: "shipping" }, async (message, { transaction }) => {
  const { id, item } = readJson(message) as Order;
  if (item === "forbidden") throw rejectedError("It can't be shipped.");
  await transaction.query("INSERT INTO parcels (order_id, item) VALUES ($1, $2)", [id, item]);
});

const onEvent = serverTelemetry({ meter, trace, store });
const shared = {
  store,
  // Stands for your authentication: the account of checked credentials.
  scope: ({ headers }: express.Request): string => String(headers["x-account"]),
  leaseMs: Number(variables.LEASE_MS),
  onEvent,
  onError: () => undefined,
};
const app = express();

const charge = onceExpress({
  ...shared,
  ...(variables.FINGERPRINT === "new" && {
    fingerprint: ({ body }: { body: Uint8Array }) => ({ channel: "web", body: new TextDecoder().decode(body) }),
  }),
});
app.post("/charges", charge, express.json(), (request, response) => {
  const { order, slow } = request.body as Charge;
  // The bank has the charge from here on.
  appendFileSync(variables.BANK, `${order}\n`);
  if (slow !== true) response.status(201).json({ order });
});

const place = onceExpress({ ...shared, mode: "transactional" });
app.post("/orders", place, express.json(), async (request, response) => {
  const { id, item, topic = "shipping" } = request.body as Order;
  const { transaction } = response.locals["once"]!;
  await transaction.query("INSERT INTO orders (id, item) VALUES ($1, $2)", [id, item]);
  await outbox.add(transaction, { id: `${id}-placed`, topic, orderingKey: id, body: { id, item } });
  response.status(201).json({ id });
});

app.listen(Number(variables.PORT), "127.0.0.1", () => process.stdout.write("open\n"));
