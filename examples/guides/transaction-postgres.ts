import { onceWeb } from "once-again/web";
import { postgresStore } from "once-again/stores/postgres";
import { Pool } from "pg";

const pool = new Pool({ connectionString: process.env["DATABASE_URL"] });
const store = postgresStore(pool);
// Makes the tables of the keys, beside your own; any number of processes may call it.
await store.migrate();
await pool.query("CREATE TABLE IF NOT EXISTS charges (id serial PRIMARY KEY, amount integer NOT NULL)");

const charge = onceWeb({ mode: "transactional", store, scope: "public" }, async (request, { transaction }) => {
  const { amount } = (await request.json()) as { amount: number };
  // A PoolClient of `pg`, in its transaction, which commits with the key when the handler has responded.
  const { rows } = await transaction.query<{ id: number }>("INSERT INTO charges (amount) VALUES ($1) RETURNING id", [
    amount,
  ]);
  return Response.json({ charge: rows[0]?.id }, { status: 201 });
});

for (let time = 1; time <= 2; time += 1) {
  const response = await charge(
    new Request("http://shop.example/charges", {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": "order-1" },
      body: JSON.stringify({ amount: 420 }),
    }),
  );
  console.log(response.status, await response.text(), response.headers.get("idempotent-replayed") ?? "first");
}
await pool.end();
