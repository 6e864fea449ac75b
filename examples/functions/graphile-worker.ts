import { run } from "graphile-worker";
import { onceFunction } from "once-again/function";
import { postgresStore } from "once-again/stores/postgres";
import { Pool } from "pg";

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
  // Longer than Graphile Worker retries a job: 25 attempts take about three days.
  { mode: "transactional", store, scope: "charge", key: (order: Order) => order.id, retentionMs: 7 * 86_400_000 },
  async ({ transaction }, { id, amount }) => {
    await transaction.query("INSERT INTO charges VALUES ($1, $2)", [id, amount]);
    return { charged: amount };
  },
);

const runner = await run({
  connectionString,
  taskList: {
    async charge(payload, { job }) {
      console.log(`job ${job.id}:`, JSON.stringify(await charge(payload as Order)));
    },
  },
});
console.log("ready");
await runner.promise;
