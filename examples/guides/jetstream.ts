import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";
import { consumeJetstream, openInbox, readJson } from "once-again/inbox";
import { openRelay, publishToJetstream } from "once-again/outbox";
import { postgresOutbox, postgresStore } from "once-again/stores/postgres";
import { Pool } from "pg";

export const pool = new Pool({ connectionString: process.env["DATABASE_URL"] });
const store = postgresStore(pool);
export const outbox = postgresOutbox(pool);
await store.migrate();
await outbox.migrate();

// It comes back however long NATS is away. By default it gives up after ten attempts, and consumes nothing from then on.
const nats = await connect({ servers: process.env["NATS_URL"] ?? "127.0.0.1:4222", maxReconnectAttempts: -1 });
const manager = await jetstreamManager(nats);
await manager.streams.add({ name: "shop", subjects: ["order.*", "dead.*"] });
// It acknowledges explicitly, and has no max_deliver: the inbox decides about a message that fails.
const shipping = { durable_name: "shipping", ack_policy: AckPolicy.Explicit, filter_subject: "order.*" };
await manager.consumers.add("shop", shipping);

const client = jetstream(nats);
const relay = openRelay({ outbox, publish: publishToJetstream(client, { headers }) });
const inbox = openInbox({ mode: "transactional", store, consumer: "shipping" });
const consumer = await consumeJetstream(
  await client.consumers.get("shop", "shipping"),
  { inbox, jetstream: client, headers, deadLetterSubject: "dead.shipping" },
  async (message, { transaction }) => {
    const { id } = readJson(message) as { id: string };
    await transaction.query("INSERT INTO parcels (order_id) VALUES ($1)", [id]);
  },
);

// On SIGTERM: what runs ends, and another process has the rest.
export async function close(): Promise<void> {
  await Promise.all([relay.close(), inbox.close(), consumer.close()]);
  await nats.close();
  await pool.end();
}
