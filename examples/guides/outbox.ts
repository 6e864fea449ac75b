import { openRelay } from "once-again/outbox";
import { postgresOutbox } from "once-again/stores/postgres";
import { Pool } from "pg";

const pool = new Pool({ connectionString: process.env["DATABASE_URL"] });
const outbox = postgresOutbox(pool);
await outbox.migrate();

/** Saves an order and announces it: both, or neither. */
export async function placeOrder(id: string, item: string): Promise<void> {
  const client = await pool.connect();
  let failure: unknown;
  try {
    await client.query("BEGIN");
    await client.query("INSERT INTO orders (id, item) VALUES ($1, $2)", [id, item]);
    await outbox.add(client, { topic: "order.placed", orderingKey: id, body: { id, item } });
    await client.query("COMMIT");
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    // Closing rolls back a transaction that failed, and the pool does not lend a broken connection again.
    client.release(failure !== undefined);
  }
}

// In as many processes as you like, the same or others.
export const relay = openRelay({
  outbox,
  // Resolves when the other side has taken the message, and is called again with the same id until it has.
  async publish({ id, topic, body }, { signal }) {
    const url = new URL(topic, process.env["SHIPPING_URL"]);
    const headers = { "content-type": "application/json", "idempotency-key": id };
    const response = await fetch(url, { method: "POST", headers, body: Buffer.from(body), signal });
    if (!response.ok) throw new Error(`The shipping service answered ${response.status}.`);
  },
});
