import { DatabaseSync } from "node:sqlite";
import { SQS } from "@aws-sdk/client-sqs";
import { openRelay, publishToSqs } from "once-again/outbox";
import { sqliteOutbox } from "once-again/stores/sqlite";

const path = process.env["SHOP_DB"] ?? "shop.db";
const outbox = sqliteOutbox({ path });
const database = new DatabaseSync(path, { timeout: 5000 });
database.exec(
  "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY); CREATE TABLE IF NOT EXISTS invoices (order_id TEXT)",
);

// Order and message commit together.
database.exec("BEGIN IMMEDIATE");
database.prepare("INSERT INTO orders (id) VALUES (?)").run("order-7");
await outbox.add(database, { topic: "order.placed", orderingKey: "order-7", body: { order: "order-7" } });
database.exec("COMMIT");

// The relay is a process of your own in production.
const client = new SQS({ ...(process.env["AWS_URL"] !== undefined && { endpoint: process.env["AWS_URL"] }) });
const relay = openRelay({ outbox, publish: publishToSqs(client, { queueUrl: process.env["QUEUE_URL"] ?? "" }) });
await relay.idle();
await relay.close();
await outbox.close();
client.destroy();
