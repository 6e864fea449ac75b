/**
 * A shop with all that can be watched: a server, a caller, an outbox with its relay, and an inbox. Prometheus reads its metrics at
 * http://127.0.0.1:9464/metrics. The item of an order decides what goes wrong: POST /orders with `{ "customer": "ann", "item": "tea" }`, or with
 * one of the items below in the place of tea.
 */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { context, metrics, propagation, trace } from "@opentelemetry/api";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { retryingFetch } from "once-again/client";
import { openInbox, readJson, rejectedError } from "once-again/inbox";
import { onceNode } from "once-again/node";
import { clientTelemetry, messageTelemetry, serverTelemetry } from "once-again/opentelemetry";
import { openRelay, type Publish, refusedError } from "once-again/outbox";
import { sqliteOutbox, sqliteStore } from "once-again/stores/sqlite";

interface Order {
  readonly customer: string;
  readonly item: "tea" | "poison" | "slow parcel" | "forbidden" | "credit" | "hang" | "late";
}

// Before any meter is taken.
const port = Number(process.env["METRICS_PORT"] ?? 9464);
const exporter = new PrometheusExporter({ host: "127.0.0.1", port, preventServerStart: true });
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [exporter] }));
await exporter.startServer();

const meter = metrics.getMeter("shop");
const tracing = { tracer: trace.getTracer("shop"), trace, context };
const path = process.env["SHOP_DB"] ?? "shop.db";
const store = sqliteStore({ path });

// The caller: the payment service gives no credit, whatever is tried.
const bank = createServer((request, response) => {
  request.resume().on("end", () => response.writeHead(request.url === "/credit" ? 503 : 201).end());
});
await new Promise<void>((resolve) => bank.listen(0, "127.0.0.1", resolve));
const bankUrl = `http://127.0.0.1:${(bank.address() as AddressInfo).port}`;
const pay = retryingFetch({
  keys: [bankUrl],
  attemptsMax: 2,
  backoff: () => 10,
  onEvent: clientTelemetry({ ...tracing, meter }),
});

// Messages: each order becomes a parcel. This broker is a function, and delivers everything twice.
const messages = messageTelemetry({ ...tracing, meter, propagation, system: "shop" });
const outbox = messages.traceOutbox(sqliteOutbox({ path }));
messages.observeBacklog(outbox);
const inbox = messages.traceInbox(openInbox({ mode: "transactional", store, consumer: "shipping", backoff: () => 10 }));
const broken = new Set<string>();
const ship: Publish = async (message) => {
  const { item } = JSON.parse(new TextDecoder().decode(message.body)) as Order;
  if (item === "forbidden") throw refusedError("This must not be sent.", undefined, { isFinal: true });
  if (item === "late") throw refusedError("Its queue is full.", undefined, { isTemporary: true });
  for (const deliveries of [1, 2]) {
    await inbox.handle({ ...message, deliveries }, async (delivered) => {
      const order = readJson(delivered) as Order;
      if (order.item === "poison") throw rejectedError("It can't be shipped.");
      if (order.item === "slow parcel" && !broken.has(delivered.id)) {
        broken.add(delivered.id);
        throw new Error("The van is late.");
      }
    });
  }
};
const relay = openRelay({ outbox, publish: messages.tracePublish(ship), onEvent: messages.onRelayEvent, pollMs: 100 });

/** The order and its message commit together. Each has a connection to itself, since a connection has one transaction at a time. */
async function saveOrder(order: Order): Promise<void> {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA busy_timeout = 5000; CREATE TABLE IF NOT EXISTS orders (customer TEXT, item TEXT)");
    database.exec("BEGIN IMMEDIATE");
    database.prepare("INSERT INTO orders VALUES (?, ?)").run(order.customer, order.item);
    await outbox.add(database, { topic: "order.placed", orderingKey: order.customer, body: order });
    database.exec("COMMIT");
  } finally {
    database.close();
  }
}

/** Stands for your authentication: the account of checked credentials. */
const accountOf = ({ headers }: IncomingMessage): string => headers["x-account"]?.toString() ?? "guest";

const orders = onceNode(
  {
    store,
    scope: accountOf,
    leaseMs: Number(process.env["LEASE_MS"] ?? 30_000),
    onEvent: serverTelemetry({ meter, trace, store }),
  },
  async (_request, response, { body }) => {
    const order = JSON.parse(body.toString()) as Order;
    const kind = order.item === "credit" ? "/credit" : "/charges";
    const charge = await pay(bankUrl + kind, { method: "POST", body: JSON.stringify(order) });
    if (!charge.ok) throw new Error("The bank gives no credit.");
    // It is charged, and the shop does not get any further. A person has to find out about this order.
    if (order.item === "hang") {
      console.log("hangs");
      return;
    }
    await saveOrder(order);
    relay.wake();
    response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(order));
  },
);

const server = createServer((request, response) => void orders(request, response));
server.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => {
  console.log(`Orders: http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`);
  console.log(`Metrics: http://127.0.0.1:${port}/metrics`);
});
