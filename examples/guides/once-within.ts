import { createHash } from "node:crypto";
import { drizzle } from "drizzle-orm/node-postgres";
import knex from "knex";
import { Kysely, PostgresDialect } from "kysely";
import {
  type CallersTransaction,
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromPg,
  fromPostgresJs,
  onceWithin,
  postgresStore,
} from "once-again/stores/postgres";
import { Pool } from "pg";
import postgres from "postgres";

const url = process.env["DATABASE_URL"] ?? "postgres://localhost";
const pool = new Pool({ connectionString: url });
await postgresStore(pool).migrate();
await pool.query("CREATE TABLE IF NOT EXISTS shipments (message text NOT NULL)");

/** Ships what a message of a queue asks for, once, however often the message is delivered. */
async function ship(transaction: CallersTransaction, message: { id: string; body: string }): Promise<string> {
  const fingerprint = createHash("sha256").update(message.body).digest("hex");
  const operation = { scope: "shipments", key: message.id, fingerprint, retentionMs: 86_400_000 };
  const answer = await onceWithin(transaction, operation, async () => {
    await transaction("INSERT INTO shipments VALUES ('shipped')");
    return new TextEncoder().encode("shipped");
  });
  return answer.kind;
}

const sql = postgres(url, { onnotice: () => undefined });
const kysely = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) });
const onKnex = knex({ client: "pg", connection: url });

// Your own transaction, by your own library. Its commit is yours, after onceWithin has ended.
const consumers: Record<string, (message: { id: string; body: string }) => Promise<string>> = {
  async pg(message) {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      const kind = await ship(fromPg(client), message);
      await client.query("COMMIT");
      return kind;
    } catch (error) {
      await client.query("ROLLBACK");
      throw error;
    } finally {
      client.release();
    }
  },
  postgres: (message) => sql.begin((tx) => ship(fromPostgresJs(tx), message)),
  Kysely: (message) => kysely.transaction().execute((trx) => ship(fromKysely(trx), message)),
  Drizzle: (message) => drizzle(pool).transaction((tx) => ship(fromDrizzle(tx), message)),
  Knex: (message) => onKnex.transaction((trx) => ship(fromKnex(trx), message)),
};

for (const [library, consume] of Object.entries(consumers)) {
  const message = { id: `message-${library}`, body: "one book" };
  console.log(library, await consume(message), await consume(message));
}
const { rows } = await pool.query("SELECT FROM shipments");
console.log("shipments:", rows.length);
await Promise.all([sql.end(), onKnex.destroy(), pool.end()]);
