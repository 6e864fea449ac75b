import { onceWeb } from "once-again/web";
import {
  fromSequelize,
  onceWithin,
  postgresOutbox,
  postgresStore,
  sequelizeTransactions,
} from "once-again/stores/postgres";
import { Pool } from "pg";
import { DataTypes, Sequelize } from "sequelize";

const url = process.env["DATABASE_URL"] ?? "postgres://localhost";
const sequelize = new Sequelize(url, { logging: false });
const charges = sequelize.define("charges", { amount: DataTypes.INTEGER }, { timestamps: false });
await charges.sync();
const pool = new Pool({ connectionString: url });
const store = postgresStore(pool, { transactions: sequelizeTransactions(sequelize) });
const outbox = postgresOutbox(pool);
await store.migrate();
await outbox.migrate();

const charge = onceWeb({ mode: "transactional", store, scope: "public" }, async (request, { transaction }) => {
  const { amount } = (await request.json()) as { amount: number };
  // A Transaction of Sequelize. Row, message, key and response are committed together.
  const row = await charges.create({ amount }, { transaction });
  await outbox.add(fromSequelize(transaction), { topic: "charges", body: row.toJSON() });
  return Response.json({ charge: row.get("id") }, { status: 201 });
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
  const { kind } = await sequelize.transaction((transaction) =>
    onceWithin(fromSequelize(transaction), job, async () => {
      await charges.create({ amount: 1 }, { transaction });
      return new Uint8Array();
    }),
  );
  console.log(kind);
}
console.log("charges:", await charges.count(), "messages:", (await outbox.backlog()).messages);
await sequelize.close();
await pool.end();
