import { openIntents } from "once-again/intents";
import { postgresIntents } from "once-again/stores/postgres";
import { Pool } from "pg";

const pool = new Pool({ connectionString: process.env["DATABASE_URL"] });
const store = postgresIntents(pool);
await store.migrate();
const url = process.env["WAREHOUSE_URL"] ?? "http://127.0.0.1:3000/parcels";
// The warehouse honours keys: what may have arrived there is sent again with the same one.
export const intents = openIntents({ store, keys: [new URL(url).origin] });
// Continues the intents of earlier lives of this process.
void intents.resume();

/** Saves an order and notifies the warehouse: both, or neither. */
export async function placeOrder(id: string, item: string): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await client.query("INSERT INTO orders (id, item) VALUES ($1, $2)", [id, item]);
    const headers = { "content-type": "application/json" };
    await intents.addWithin(client, `parcel of ${id}`, { url, headers, body: JSON.stringify({ id, item }) });
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
  // Not in a second, but now.
  void intents.resume();
}
