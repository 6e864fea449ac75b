import { DatabaseSync } from "node:sqlite";
import { onceWeb } from "once-again/web";
import { sqliteStore } from "once-again/stores/sqlite";

const path = process.env["ORDERS_DB"] ?? "orders.db";
const database = new DatabaseSync(path);
database.exec("CREATE TABLE IF NOT EXISTS payments (amount INTEGER NOT NULL) STRICT");

const pay = onceWeb(
  { mode: "transactional", store: sqliteStore({ path }), scope: "public" },
  async (request, { transaction }) => {
    const { amount } = (await request.json()) as { amount: number };
    transaction.prepare("INSERT INTO payments VALUES (?)").run(amount);
    const total = Number(transaction.prepare("SELECT sum(amount) AS total FROM payments").get()?.["total"]);
    // Below 400: everything is committed. From 400 to 499: the response is stored, and the INSERT is rolled back.
    return total > 1000 ? Response.json({ declined: amount }, { status: 402 }) : Response.json({ paid: amount });
  },
);

for (const [key, amount] of Object.entries({ "payment-1": 700, "payment-2": 400 })) {
  const response = await pay(
    new Request("http://shop.example/payments", {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": key },
      body: JSON.stringify({ amount }),
    }),
  );
  console.log(response.status, await response.text());
}
console.log("paid:", database.prepare("SELECT sum(amount) AS total FROM payments").get()?.["total"]);
