/** Adds a message, and ends its pool at once. Arguments: the database's URL; `pg` or `postgres`; `committed` or `open`. */
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { Pool } from "pg";
import postgres from "postgres";
import { postgresOutbox } from "../../packages/once-again/src/stores/postgres/index.ts";

const [url = "", client, end] = process.argv.slice(2);
const message = { topic: "orders", body: "{}" };
/** When questions about an open transaction are some milliseconds apart. */
const whileOpen = (): Promise<void> => setTimeout(50);

if (client === "pg") {
  const pool = new Pool({ connectionString: url });
  const outbox = postgresOutbox(pool);
  const lent = await pool.connect();
  await lent.query("BEGIN");
  await outbox.add(lent, message);
  if (end === "open") await whileOpen();
  else await lent.query("COMMIT");
  lent.release(end === "open");
  await pool.end();
} else {
  const sql = postgres(url, { max: 4 });
  const outbox = postgresOutbox(sql);
  await sql
    .begin(async (transaction) => {
      await outbox.add(transaction, message);
      if (end !== "open") return;
      await whileOpen();
      throw new Error("Rolled back.");
    })
    .catch(() => undefined);
  await sql.end();
}
