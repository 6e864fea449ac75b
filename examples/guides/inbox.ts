import amqplib from "amqplib";
import { consumeRabbitmq, openInbox, readJson } from "once-again/inbox";
import { postgresOutbox, postgresStore } from "once-again/stores/postgres";
import { Pool } from "pg";

const pool = new Pool({ connectionString: process.env["DATABASE_URL"] });
const store = postgresStore(pool);
const outbox = postgresOutbox(pool);
await store.migrate();
await outbox.migrate();

const connection = await amqplib.connect(process.env["RABBITMQ_URL"] ?? "amqp://localhost", { recovery: true });
const inbox = openInbox({ mode: "transactional", store, consumer: "shipping" });

// Record, parcel and the next message commit together, and only then is this one acknowledged.
export const consumer = await consumeRabbitmq(connection, { inbox, queue: "shipping" }, async (message, execution) => {
  const { id, item } = readJson(message) as { id: string; item: string };
  const { transaction } = execution;
  await transaction.query("INSERT INTO parcels (order_id, item) VALUES ($1, $2)", [id, item]);
  await outbox.add(transaction, { topic: "parcel.packed", orderingKey: id, body: { order: id } });
});

// On SIGTERM: what runs ends, and the broker has the rest again, for another process.
export async function close(): Promise<void> {
  await Promise.all([inbox.close(), consumer.close()]);
  await connection.close();
  await pool.end();
}
