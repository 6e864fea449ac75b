import { onceFunction } from "once-again/function";
import { postgresStore } from "once-again/stores/postgres";
import { Pool } from "pg";
import PgBoss from "pg-boss";

interface Order {
  readonly id: string;
  readonly amount: number;
}

const connectionString = process.env["DATABASE_URL"] ?? "postgres://127.0.0.1/shop";
const pool = new Pool({ connectionString });
await pool.query("CREATE TABLE IF NOT EXISTS charges (order_id text NOT NULL, amount integer NOT NULL)");
const store = postgresStore(pool);
await store.migrate();

// The charge, its key and its result commit together. A worker that dies leaves all of them, or none.
const charge = onceFunction(
  // Longer than pg-boss keeps a job alive: 14 days by default.
  { mode: "transactional", store, scope: "charge", key: (order: Order) => order.id, retentionMs: 15 * 86_400_000 },
  async ({ transaction }, { id, amount }) => {
    await transaction.query("INSERT INTO charges VALUES ($1, $2)", [id, amount]);
    return { charged: amount };
  },
);

const boss = new PgBoss({ connectionString });
boss.on("error", console.error);
await boss.start();
await boss.createQueue("charges");
await boss.work<Order>("charges", async (jobs) => {
  for (const { id, data } of jobs) console.log(`job ${id}:`, JSON.stringify(await charge(data)));
});
console.log("ready");
