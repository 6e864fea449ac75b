import { PrismaPg } from "@prisma/adapter-pg";
import { onceWeb } from "once-again/web";
import { fromPrisma, onceWithin, postgresOutbox, postgresStore, prismaTransactions } from "once-again/stores/postgres";
import { Pool } from "pg";
import { PrismaClient } from "./prisma/generated/client.ts";

const pool = new Pool({ connectionString: process.env["DATABASE_URL"] });
const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
const store = postgresStore(pool, { transactions: prismaTransactions(prisma) });
const outbox = postgresOutbox(pool);
await store.migrate();
await outbox.migrate();
await prisma.$executeRaw`CREATE TABLE IF NOT EXISTS charges (id serial PRIMARY KEY, amount integer NOT NULL)`;

const charge = onceWeb({ mode: "transactional", store, scope: "public" }, async (request, { transaction }) => {
  const { amount } = (await request.json()) as { amount: number };
  // A Prisma.TransactionClient. Row, message, key and response are committed together.
  const { id } = await transaction.charge.create({ data: { amount } });
  await outbox.add(fromPrisma(transaction), { topic: "charges", body: { id, amount } });
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
  const { kind } = await prisma.$transaction((tx) =>
    onceWithin(fromPrisma(tx), job, async () => {
      await tx.charge.create({ data: { amount: 1 } });
      return new Uint8Array();
    }),
  );
  console.log(kind);
}
console.log("charges:", await prisma.charge.count(), "messages:", (await outbox.backlog()).messages);
await prisma.$disconnect();
await pool.end();
