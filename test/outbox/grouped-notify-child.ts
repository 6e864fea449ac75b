/** Adds a message, and ends its pool at once. Arguments: the database's URL, `committed` or `open`. */
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { Pool } from "pg";
import { postgresOutbox } from "../../packages/once-again/src/stores/postgres/index.ts";

const [url, end] = process.argv.slice(2);
const pool = new Pool({ connectionString: url });
const outbox = postgresOutbox(pool);
const client = await pool.connect();
await client.query("BEGIN");
await outbox.add(client, { topic: "orders", body: "{}" });
// By then, questions are some milliseconds apart.
if (end === "open") await setTimeout(50);
else await client.query("COMMIT");
client.release(end === "open");
await pool.end();
