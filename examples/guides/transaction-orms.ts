import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import knex from "knex";
import { Kysely, PostgresDialect } from "kysely";
import { onceWeb } from "once-again/web";
import { postgresStore } from "once-again/stores/postgres";
import { Pool, type PoolClient } from "pg";

const pool = new Pool({ connectionString: process.env["DATABASE_URL"] });
const store = postgresStore(pool);
await store.migrate();
await pool.query("CREATE TABLE IF NOT EXISTS payments (library text NOT NULL, amount integer NOT NULL)");

interface Tables {
  payments: { library: string; amount: number };
}

// Each on the transaction that the handler is given. Their own transactions are savepoints in it.
const libraries: Record<string, (transaction: PoolClient, amount: number) => Promise<unknown>> = {
  Drizzle: (transaction, amount) =>
    drizzle(transaction).transaction((tx) => tx.execute(sql`INSERT INTO payments VALUES ('Drizzle', ${amount})`)),
  Kysely: (transaction, amount) => {
    const onlyThis = { connect: async () => transaction, end: async () => undefined };
    const database = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: onlyThis }) });
    return database
      .transaction()
      .execute((trx) => trx.insertInto("payments").values({ library: "Kysely", amount }).execute());
  },
  Knex: (transaction, amount) =>
    knex({ client: "pg" }).transaction((trx) => trx("payments").insert({ library: "Knex", amount }), {
      connection: transaction,
    }),
};

const pay = onceWeb({ mode: "transactional", store, scope: "public" }, async (request, { transaction }) => {
  const { library, amount } = (await request.json()) as { library: string; amount: number };
  await libraries[library]?.(transaction, amount);
  return Response.json({ paid: amount }, { status: 201 });
});

for (const library of Object.keys(libraries)) {
  for (let time = 1; time <= 2; time += 1) {
    const response = await pay(
      new Request("http://shop.example/payments", {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": `payment-${library}` },
        body: JSON.stringify({ library, amount: 420 }),
      }),
    );
    console.log(library, response.status, response.headers.get("idempotent-replayed") ?? "first");
  }
}
const { rows } = await pool.query<Tables["payments"]>("SELECT library FROM payments");
console.log("paid:", rows.map(({ library }) => library).join(", "));
await pool.end();
