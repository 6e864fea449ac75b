import { DatabaseSync } from "node:sqlite";
import { onceWeb } from "once-again/web";
import { graphqlFailure } from "once-again/http";
import { sqliteStore } from "once-again/stores/sqlite";

const path = process.env["ORDERS_DB"] ?? "orders.db";
const database = new DatabaseSync(path);
database.exec("CREATE TABLE IF NOT EXISTS payments (amount INTEGER NOT NULL) STRICT");

/** Stands for your schema: `mutation { pay(amount: …) receipt }`. The second field fails once the first has written. */
function execute(transaction: DatabaseSync, amount: number): { data: unknown; errors?: unknown[] } {
  transaction.prepare("INSERT INTO payments VALUES (?)").run(amount);
  if (amount > 1000)
    return { data: { pay: amount, receipt: null }, errors: [{ message: "no receipt", path: ["receipt"] }] };
  return { data: { pay: amount, receipt: "r-1" } };
}

const graphql = onceWeb(
  // Without this, the response is a 200 like any other, and half a mutation is committed.
  { mode: "transactional", store: sqliteStore({ path }), scope: "public", failureOf: graphqlFailure },
  async (request, { transaction }) => {
    const { variables } = (await request.json()) as { variables: { amount: number } };
    return Response.json(execute(transaction, variables.amount));
  },
);

for (const [key, amount] of Object.entries({ "payment-1": 700, "payment-2": 4000 })) {
  for (let time = 1; time <= 2; time += 1) {
    const response = await graphql(
      new Request("http://shop.example/graphql", {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: JSON.stringify({ query: "mutation", variables: { amount } }),
      }),
    );
    const { errors } = (await response.json()) as { errors?: unknown[] };
    console.log(response.status, errors ? "failed" : "paid", response.headers.get("idempotent-replayed") ?? "ran");
  }
}
console.log("paid:", database.prepare("SELECT sum(amount) AS total FROM payments").get()?.["total"]);
