import { defineEntity, MikroORM, p } from "@mikro-orm/postgresql";
import { onceWeb } from "once-again/web";
import {
  fromMikroOrm,
  mikroOrmTransactions,
  onceWithin,
  postgresOutbox,
  postgresStore,
} from "once-again/stores/postgres";
import { Pool } from "pg";

const url = process.env["DATABASE_URL"] ?? "postgres://localhost";
const Charge = defineEntity({
  name: "Charge",
  tableName: "charges",
  properties: { id: p.integer().primary(), amount: p.integer() },
});
const orm = await MikroORM.init({ clientUrl: url, entities: [Charge] });
const pool = new Pool({ connectionString: url });
await pool.query("CREATE TABLE IF NOT EXISTS charges (id serial PRIMARY KEY, amount integer NOT NULL)");
const store = postgresStore(pool, { transactions: mikroOrmTransactions(orm) });
const outbox = postgresOutbox(pool);
await store.migrate();
await outbox.migrate();

const charge = onceWeb({ mode: "transactional", store, scope: "public" }, async (request, { transaction: em }) => {
  const { amount } = (await request.json()) as { amount: number };
  // An EntityManager. Row, message, key and response are committed together.
  const created = em.create(Charge, { amount });
  await em.flush();
  await outbox.add(fromMikroOrm(em), { topic: "charges", body: { id: created.id, amount } });
  return Response.json({ charge: created.id }, { status: 201 });
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
  const { kind } = await orm.em.fork().transactional((em) =>
    onceWithin(fromMikroOrm(em), job, async () => {
      em.create(Charge, { amount: 1 });
      await em.flush();
      return new Uint8Array();
    }),
  );
  console.log(kind);
}
console.log("charges:", await orm.em.fork().count(Charge), "messages:", (await outbox.backlog()).messages);
await orm.close();
await pool.end();
