import { onceWeb } from "once-again/web";
import {
  fromTypeOrm,
  onceWithin,
  postgresOutbox,
  postgresStore,
  typeOrmTransactions,
} from "once-again/stores/postgres";
import { Pool } from "pg";
import { DataSource, EntitySchema } from "typeorm";

const url = process.env["DATABASE_URL"] ?? "postgres://localhost";
const charges = new EntitySchema<{ id: number; amount: number }>({
  name: "charges",
  columns: { id: { type: "int", primary: true, generated: true }, amount: { type: "int" } },
});
const dataSource = new DataSource({ type: "postgres", url, entities: [charges], synchronize: true });
await dataSource.initialize();
const pool = new Pool({ connectionString: url });
const store = postgresStore(pool, { transactions: typeOrmTransactions(dataSource) });
const outbox = postgresOutbox(pool);
await store.migrate();
await outbox.migrate();

const charge = onceWeb({ mode: "transactional", store, scope: "public" }, async (request, { transaction }) => {
  const { amount } = (await request.json()) as { amount: number };
  // An EntityManager. Row, message, key and response are committed together.
  const { id } = await transaction.save(charges, { amount });
  await outbox.add(fromTypeOrm(transaction), { topic: "charges", body: { id, amount } });
  return Response.json({ charge: id }, { status: 201 });
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

// Without HTTP, in a transaction that you begin: a job that may be started twice.
const job = { scope: "jobs", key: "fees of November", fingerprint: "", retentionMs: 86_400_000 };
for (let time = 1; time <= 2; time += 1) {
  const { kind } = await dataSource.transaction((manager) =>
    onceWithin(fromTypeOrm(manager), job, async () => {
      await manager.save(charges, { amount: 1 });
      return new Uint8Array();
    }),
  );
  console.log(kind);
}
console.log("charges:", await dataSource.manager.count(charges), "messages:", (await outbox.backlog()).messages);
await dataSource.destroy();
await pool.end();
