import { DatabaseSync } from "node:sqlite";
import { onceWeb } from "once-again/web";
import { sqliteStore } from "once-again/stores/sqlite";

const path = process.env["ORDERS_DB"] ?? "orders.db";
const database = new DatabaseSync(path);
database.exec("CREATE TABLE IF NOT EXISTS charges (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL) STRICT");

// The charge, the key and the response are committed together: a crash leaves all of them, or none.
const charge = onceWeb(
  { mode: "transactional", store: sqliteStore({ path }), scope: "public" },
  async (request, { transaction }) => {
    const { amount } = (await request.json()) as { amount: number };
    const { lastInsertRowid } = transaction.prepare("INSERT INTO charges (amount) VALUES (?)").run(amount);
    return Response.json({ charge: Number(lastInsertRowid) }, { status: 201 });
  },
);

// A web-standard handler: Hono, Deno, Bun and workers take it as it is. Here, the same request is sent twice.
for (let time = 1; time <= 2; time += 1) {
  const response = await charge(
    new Request("http://shop.example/charges", {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": "order-1" },
      body: JSON.stringify({ amount: 420 }),
    }),
  );
  const replayed = response.headers.get("idempotent-replayed") ?? "false";
  console.log(response.status, await response.text(), `replayed: ${replayed}`);
}
console.log("charges:", database.prepare("SELECT count(*) AS total FROM charges").get()?.["total"]);
