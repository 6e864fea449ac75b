import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorker, type Worker } from "../support/servers/workerd.ts";

// The Worker of the guide, as it stands there.

let worker: Worker;
let database: D1Database;

beforeAll(async () => {
  worker = await startWorker(join(import.meta.dirname, "../../examples/cloudflare/worker.ts"), {
    d1Databases: { DB: "shop" },
    durableObjects: {
      ONCE: { className: "OnceKeys", useSQLite: true },
      ACCOUNTS: { className: "Account", useSQLite: true },
    },
  });
  database = await worker.miniflare.getD1Database("DB");
  const { d1Store } = await import("../../packages/once-again/src/cloudflare/index.ts");
  await d1Store(database).migrate();
  for (const text of [
    "CREATE TABLE stock (item TEXT PRIMARY KEY, left INTEGER NOT NULL)",
    "CREATE TABLE orders (item TEXT NOT NULL, amount INTEGER NOT NULL)",
    "INSERT INTO stock VALUES ('apple', 10), ('pear', 100)",
  ]) {
    await database.prepare(text).run();
  }
});
afterAll(() => worker?.[Symbol.asyncDispose]());

async function post(path: string, key: string, body: object) {
  const response = await worker.miniflare.dispatchFetch(`http://worker${path}`, {
    method: "POST",
    headers: { "idempotency-key": `"${key}"`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

const copies = 10;
const together = <Answer>(ask: (index: number) => Promise<Answer>) =>
  Promise.all(Array.from({ length: copies }, (_, index) => ask(index)));

test("a leased route: of ten copies at once one has its effect, and a repeat gets its response", async () => {
  const mail = { to: "ann@example.com" };
  const answers = await together(() => post("/mails", "mail-0000000000000001", mail));
  // One that comes when the first has ended gets its response.
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status !== 409)).toContain(201);
  expect(statuses.filter((status) => status !== 409 && status !== 201)).toEqual([]);
  expect(await post("/mails", "mail-0000000000000001", mail)).toEqual({ status: 201, text: "sent" });
  expect(worker.log.join("").match(/mail: .*mail-0000000000000001/g)).toHaveLength(1);
  expect(await post("/mails", "mail-0000000000000001", { to: "bob@example.com" })).toMatchObject({ status: 422 });
  expect(await post("/mails", "mail-0000000000000002", mail)).toMatchObject({ status: 201 });
});

test("an account: of ten copies at once one charges, and each gets its result", async () => {
  const charge = () => post("/charges", "charge-1", { account: "ann", amount: 5 });
  const answers = await together(charge);
  expect(answers).toEqual(answers.map(() => ({ status: 200, text: '{"charged":5,"total":5}' })));
  // The object says so itself: an error that leaves it has no code.
  const another = await post("/charges", "charge-1", { account: "ann", amount: 6 });
  expect(another).toEqual({ status: 422, text: '{"code":"ONCE_KEY_REUSED","status":422}' });
});

test("a transactional route: ten copies of ten orders are ten rows, and stock is never oversold", async () => {
  const order = (item: string, amount: number) => (key: number) =>
    post("/orders", `order-${item}-000000000000${key}`, { item, amount });
  const pears = await together(() => together(order("pear", 2)));
  expect(new Set(pears.flat().map(({ status }) => status))).toEqual(new Set([201]));
  const apples = await together(order("apple", 3));
  expect(apples.filter(({ status }) => status === 201)).toHaveLength(3);
  const { results } = await database
    .prepare(
      "SELECT item, count(*) AS orders, (SELECT left FROM stock WHERE item = o.item) AS left FROM orders AS o GROUP BY 1 ORDER BY 1",
    )
    .run();
  expect(results).toEqual([
    { item: "apple", orders: 3, left: 1 },
    { item: "pear", orders: copies, left: 80 },
  ]);
});

test("what cron calls removes expired records", async () => {
  await database.prepare("UPDATE once_again_keys SET expires_at = 0").run();
  const fetcher = (await worker.miniflare.getWorker()) as unknown as { scheduled(): Promise<unknown> };
  await fetcher.scheduled();
  const { results } = await database.prepare("SELECT count(*) AS keys FROM once_again_keys").run();
  expect(results).toEqual([{ keys: 0 }]);
});
