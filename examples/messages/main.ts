/**
 * An order service, a relay, RabbitMQ, and two consumers. Every message is published twice, as by a relay that dies between
 * a publish and its end; each order is billed and shipped once all the same. RABBITMQ_URL says where the broker is.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import amqplib from "amqplib";
import { consumeRabbitmq, openInbox, readJson } from "once-again/inbox";
import { openRelay, type Publish, publishToRabbitmq } from "once-again/outbox";
import { sqliteOutbox, sqliteStore } from "once-again/stores/sqlite";

const folder = mkdtempSync(join(tmpdir(), "once-again-messages-"));
const path = join(folder, "shop.db");
const shop = new DatabaseSync(path);
const [outbox, store] = [sqliteOutbox({ path }), sqliteStore({ path })];
shop.exec("PRAGMA busy_timeout = 5000; CREATE TABLE orders (id TEXT PRIMARY KEY)");
shop.exec("CREATE TABLE invoices (order_id TEXT); CREATE TABLE parcels (order_id TEXT)");

const connection = await amqplib.connect(process.env["RABBITMQ_URL"] ?? "amqp://localhost", { recovery: true });
const channel = await connection.createConfirmChannel();
const exchange = `once-again-${process.pid}`;
const consumers = { billing: "invoices", shipping: "parcels" };
const queues = Object.keys(consumers).flatMap((name) => [`${exchange}.${name}`, `${exchange}.${name}.dead`]);
await channel.assertExchange(exchange, "fanout", { autoDelete: true });
for (const queue of queues) await channel.assertQueue(queue);
for (const name of Object.keys(consumers)) await channel.bindQueue(`${exchange}.${name}`, exchange, "");

// The consumers: each has its own inbox, so each has its own effect of a message.
let deliveries = 0;
const all = Promise.withResolvers<void>();
const running = await Promise.all(
  Object.entries(consumers).map(async ([consumer, table]) => {
    const inbox = openInbox({ mode: "transactional", store, consumer });
    const counted: typeof inbox = {
      ...inbox,
      async handle(...given) {
        const verdict = await inbox.handle(...given);
        // 10 orders, twice, to 2 consumers.
        if ((deliveries += 1) === 40) all.resolve();
        return verdict;
      },
    };
    const options = { inbox: counted, queue: `${exchange}.${consumer}` };
    const consumed = await consumeRabbitmq(connection, options, (message, { transaction }) => {
      const { id } = readJson(message) as { id: string };
      transaction.prepare(`INSERT INTO ${table} VALUES (?)`).run(id);
    });
    return { close: () => Promise.all([inbox.close(), consumed.close()]) };
  }),
);

const publish = publishToRabbitmq(connection, { exchange });
const twice: Publish = async (message, context) => {
  await publish(message, context);
  await publish(message, context);
};
const relay = openRelay({ outbox, publish: twice, pollMs: 50 });

// The service: an order and its message commit together, or neither.
for (let order = 1; order <= 12; order += 1) {
  shop.exec("BEGIN IMMEDIATE");
  const id = `order-${order}`;
  shop.prepare("INSERT INTO orders VALUES (?)").run(id);
  await outbox.add(shop, { topic: "order.placed", orderingKey: id, body: { id } });
  shop.exec(order % 6 === 0 ? "ROLLBACK" : "COMMIT");
  relay.wake();
}

const count = (table: string): number => shop.prepare(`SELECT * FROM ${table}`).all().length;
await all.promise;
console.log(
  `${count("orders")} orders, ${deliveries} deliveries: ${count("invoices")} invoices, ${count("parcels")} parcels`,
);

await relay.close();
for (const { close } of running) await close();
for (const queue of queues) await channel.deleteQueue(queue);
await connection.close();
await Promise.all([outbox.close(), store.close()]);
shop.close();
rmSync(folder, { recursive: true });
