import { DatabaseSync } from "node:sqlite";
import { onceWeb } from "once-again/web";
import { sqliteStore } from "once-again/stores/sqlite";

const path = process.env["ORDERS_DB"] ?? "orders.db";
const database = new DatabaseSync(path);
database.exec("CREATE TABLE IF NOT EXISTS orders (item TEXT NOT NULL) STRICT");

/** Stands for a payment provider that honours idempotency keys. */
const charged = new Set<string>();
const mails: string[] = [];
let declines = 1;
let crashes = 1;

const orders = onceWeb(
  {
    store: sqliteStore({ path }),
    scope: "public",
    // Each step is safe to come back to, so a repeat finishes what failed half-way.
    onUnknown: "finish",
    // 16 random bytes, the same on every server: the keys of `keyed` steps are derived with it.
    steps: { secret: new Uint8Array(Buffer.from(process.env["STEP_SECRET"] ?? "", "hex")) },
  },
  async (request, { step }) => {
    const item = await request.text();
    // In our own database: effect and checkpoint commit together.
    const id = await step.transaction("order", (transaction: DatabaseSync) =>
      Number(transaction.prepare("INSERT INTO orders VALUES (?)").run(item).lastInsertRowid),
    );
    if (declines-- > 0) return Response.json({ error: "The card was declined." }, { status: 402 });
    // At a service that honours keys: every run sends the same one.
    await step.keyed("charge", async (key) => void charged.add(key));
    if (crashes-- > 0) throw new Error("the power went out");
    // Neither: noted before and after. If a run ends between the two, a lookup decides.
    await step.once(
      "mail",
      async () => void mails.push(item),
      async () => (mails.includes(item) ? { found: undefined } : "unknown"),
    );
    return Response.json({ id }, { status: 201 });
  },
);

for (let time = 1; time <= 3; time += 1) {
  const headers = { "idempotency-key": "order-1", "content-type": "text/plain" };
  const init = { method: "POST", headers, body: "coffee" };
  const response = await orders(new Request("http://shop.example/orders", init));
  console.log(response.status);
}
const { total } = database.prepare("SELECT count(*) AS total FROM orders").get() ?? {};
console.log(`orders: ${String(total)}, charges: ${charged.size}, mails: ${mails.length}`);
