/** Intents that are added within a transaction of the user's own. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { openIntents } from "../../packages/once-again/src/intents/index.ts";
import { postgresIntents, type PostgresTransaction } from "../../packages/once-again/src/stores/postgres/index.ts";
import { sqliteIntents, sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { databases, pgPool, postgresClients } from "../postgres/databases.ts";
import { libraries } from "../postgres/library-transactions.ts";
import { startHttpServer } from "../support/http-server.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary } from "../support/servers/postgres.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import type { AddingTask, Moment } from "./adding-child.ts";

const request = {
  url: "http://127.0.0.1:9/orders",
  headers: { "content-type": "application/json" },
  body: '{"a":"ä\'"}',
};
const failed = new Error("changed its mind");
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const result = new Uint8Array();

/** An API that knows every key that came for an order. */
async function api() {
  const keys = new Map<string, Set<string>>();
  const url = await startHttpServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const order = Buffer.concat(chunks).toString();
    keys.set(order, (keys.get(order) ?? new Set()).add(String(incoming.headers["idempotency-key"])));
    response.statusCode = 201;
    response.end(order);
  });
  return { url, keys };
}

const program = fileURLToPath(new URL("adding-child.ts", import.meta.url));

/** Runs a shop until it ends or dies, and says which. */
async function run(task: AddingTask): Promise<unknown> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, JSON.stringify(task)], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  return code ?? signal;
}

const moments: readonly Moment[] = [
  "before the intent",
  "before the commit",
  "after the commit",
  "before the request",
  "before its response is stored",
];

/** Shops die at each moment, and the last one lives. Returns what is wrong with what they leave. */
async function killShops(
  store: string,
  saved: () => Promise<readonly string[]>,
  list: () => Promise<readonly string[]>,
) {
  const { url, keys } = await api();
  const orders = Array.from({ length: 8 }, (_, index) => `order-${index}`);
  for (const moment of moments) {
    for (const time of [1, 4]) {
      const death = await run({ store, url, orders, death: { moment, time } });
      expect(death, `a shop dies ${moment}, at time ${time}`).toBe(keys.size < orders.length ? "SIGKILL" : death);
    }
  }
  expect(await run({ store, url, orders })).toBe(0);
  expect((await saved()).toSorted(), "every order is saved, and none that was rolled back").toEqual(orders);
  expect((await list()).toSorted(), "every order has its intent, which is done").toEqual(orders);
  expect([...keys.keys()].toSorted(), "every order was sent").toEqual(orders);
  const counts = [...keys].filter(([, sent]) => sent.size !== 1);
  expect(counts, "each with one key").toEqual([]);
}

describe("in SQLite", () => {
  /** A shop's file, intents in it, and a connection of the shop's own. */
  function shop() {
    const path = `${temporaryFolder()}/shop.db`;
    const store = sqliteIntents({ path });
    const intents = openIntents({ store });
    const database = new DatabaseSync(path);
    onTestFinished(async () => {
      await intents.close();
      database.close();
      await store.close();
    });
    return { path, store, intents, database };
  }

  test.for([
    ["", {}],
    [" on a connection that gives rows as lists", { returnArrays: true }],
    [" on a connection that gives integers as bigints", { readBigInts: true }],
  ] as const)("an intent commits with its transaction, and is gone with it%s", async ([, options]) => {
    const { path, intents } = shop();
    const database = new DatabaseSync(path, options);
    onTestFinished(() => database.close());
    // The intents' own connection waits for the end of the transaction, to send what it adds.
    const store = sqliteIntents({ path });
    onTestFinished(() => store.close());
    for (const end of ["ROLLBACK", "COMMIT"]) {
      database.exec("BEGIN IMMEDIATE");
      const added = await intents.addWithin(database, "order-7", request);
      expect(added).toMatchObject({ id: "order-7", state: "pending" });
      expect(await store.inspect("order-7"), "it is invisible before").toBeUndefined();
      database.exec(end);
    }
    const stored = await store.inspect("order-7");
    expect(stored?.request).toMatchObject({ method: "POST", url: request.url });
    expect(new TextDecoder().decode(stored?.request.body)).toBe(request.body);
    database.exec("BEGIN IMMEDIATE");
    expect((await intents.addWithin(database, "order-7", request)).key, "the same again joins it").toBe(stored?.key);
    const other = intents.addWithin(database, "order-7", { ...request, body: "other" });
    await expect(other).rejects.toMatchObject({ code: "ONCE_INTENT_CONFLICT" });
    database.exec("COMMIT");
  });

  test("a handler's transaction takes one, and has ended when its operation has", async () => {
    const { path, store, intents } = shop();
    const keys = sqliteStore({ path });
    onTestFinished(() => keys.close());
    const given: DatabaseSync[] = [];
    for (const keep of ["rollback", "answer-only", "commit"] as const) {
      await keys.transact({ ...operation, key: keep }, async (transaction) => {
        given.push(transaction);
        await intents.addWithin(transaction, keep, request);
        return { keep, result, value: keep };
      });
    }
    expect((await store.list({})).map(({ id }) => id)).toEqual(["commit"]);
    await expect(intents.addWithin(given[0]!, "late", request)).rejects.toMatchObject({ code: "ONCE_OPERATION_ENDED" });
  });

  test("what is no open transaction of the file is refused", async () => {
    const { intents, database } = shop();
    const elsewhere = new DatabaseSync(":memory:");
    elsewhere.exec("BEGIN IMMEDIATE");
    onTestFinished(() => elsewhere.close());
    for (const transaction of [database, elsewhere, {}, null, undefined, "BEGIN"]) {
      const added = intents.addWithin(transaction as DatabaseSync, "order-7", request);
      await expect(added).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID", details: { option: "transaction" } });
    }
    const memory = sqliteIntents({ path: ":memory:" });
    onTestFinished(() => memory.close());
    const added = openIntents({ store: memory }).addWithin(elsewhere, "order-7", request);
    await expect(added).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID", details: { option: "transaction" } });
  });

  test("a store that takes no transactions says so", async () => {
    const { addWithin: _addWithin, ...plain } = shop().store;
    const intents = openIntents({ store: plain }) as ReturnType<typeof shop>["intents"];
    const added = intents.addWithin(new DatabaseSync(":memory:"), "order-7", request);
    await expect(added).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID", details: { option: "store" } });
  });

  test("it is sent after its commit, and not before", async () => {
    const { url, keys } = await api();
    const { store, database } = shop();
    const intents = openIntents({ store, pollMs: 10 });
    onTestFinished(() => intents.close());
    database.exec("BEGIN IMMEDIATE");
    await intents.addWithin(database, "order-7", { url, body: "order-7" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(keys.size).toBe(0);
    database.exec("COMMIT");
    await intents.resume();
    expect([...keys.keys()]).toEqual(["order-7"]);
  });

  test("a shop that dies at any moment leaves order and intent, or neither", async () => {
    const { path, store, database } = shop();
    database.exec("CREATE TABLE orders (id TEXT PRIMARY KEY) STRICT");
    await killShops(
      path,
      async () =>
        database
          .prepare("SELECT id FROM orders")
          .all()
          .map(({ id }) => String(id)),
      async () => (await store.list({ state: "done" })).map(({ id }) => id),
    );
  });
});

describeWithServer("in PostgreSQL", postgresBinary, () => {
  const { create } = databases();

  test.for(Object.keys(libraries))("an intent commits with a transaction of %s, and is gone with it", async (name) => {
    const url = await create();
    const store = postgresIntents(pgPool(url));
    await store.migrate();
    // Nothing is sent, so that what was added stays as it is.
    const intents = openIntents({ store: { ...store, claim: async () => ({ intents: [], nextMs: undefined }) } });
    onTestFinished(() => intents.close());
    const lost = libraries[name]!(url, async (transaction) => {
      await intents.addWithin(transaction, "o'7", request);
      throw failed;
    });
    await expect(lost).rejects.toBe(failed);
    expect(await store.list({})).toEqual([]);
    await libraries[name]!(url, async (transaction) => {
      const added = await intents.addWithin(transaction, "o'7", request);
      expect((await intents.addWithin(transaction, "o'7", request)).key, "the same again joins it").toBe(added.key);
      expect(await store.inspect("o'7"), "it is invisible before").toBeUndefined();
    });
    const stored = await store.inspect("o'7");
    expect(stored).toMatchObject({ state: "pending", request: { method: "POST", url: request.url } });
    expect(new TextDecoder().decode(stored?.request.body)).toBe(request.body);
    const empty = { url: request.url, method: "DELETE" };
    await libraries[name]!(url, async (transaction) => void (await intents.addWithin(transaction, "empty", empty)));
    expect((await store.inspect("empty"))?.request).toMatchObject({ method: "DELETE", body: undefined });
  });

  test("too many, and another request of that id, are refused within the transaction", async () => {
    const url = await create();
    const store = postgresIntents(pgPool(url));
    await store.migrate();
    const intents = openIntents({ store, openMax: 1 });
    onTestFinished(() => intents.close());
    const add = (id: string, body: string) =>
      libraries["pg"]!(url, async (transaction) => {
        await intents.addWithin(transaction, "one", request);
        await intents.addWithin(transaction, id, { ...request, body });
      });
    await expect(add("two", "{}")).rejects.toMatchObject({ code: "ONCE_INTENTS_FULL" });
    await expect(add("one", "{}")).rejects.toMatchObject({ code: "ONCE_INTENT_CONFLICT" });
    expect(await store.list({})).toEqual([]);
  });

  test.for(Object.keys(postgresClients))("a handler's transaction takes one, through %s", async (name) => {
    const url = await create();
    const keys = postgresClients[name]!(url);
    const store = postgresIntents(pgPool(url));
    await Promise.all([keys.migrate(), store.migrate()]);
    const intents = openIntents({ store });
    onTestFinished(() => intents.close());
    for (const keep of ["rollback", "answer-only", "commit"] as const) {
      await keys.transact({ ...operation, key: keep }, async (transaction) => {
        await intents.addWithin(transaction, keep, request);
        return { keep, result, value: keep };
      });
    }
    expect((await store.list({})).map(({ id }) => id)).toEqual(["commit"]);
  });

  test("what is no open transaction is refused", async () => {
    const url = await create();
    const pool = pgPool(url);
    const store = postgresIntents(pool);
    await store.migrate();
    const intents = openIntents({ store });
    onTestFinished(() => intents.close());
    const client = await pool.connect();
    onTestFinished(() => client.release());
    for (const transaction of [pool, client, {}, null, undefined, { executeQuery: () => undefined }]) {
      const added = intents.addWithin(transaction as PostgresTransaction, "order-7", request);
      await expect(added).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID", details: { option: "transaction" } });
    }
  });

  test("a shop that dies at any moment leaves order and intent, or neither", async () => {
    const url = await create();
    const pool = pgPool(url);
    const store = postgresIntents(pool);
    await store.migrate();
    await pool.query("CREATE TABLE orders (id text PRIMARY KEY)");
    await killShops(
      url,
      async () => (await pool.query<{ id: string }>("SELECT id FROM orders")).rows.map(({ id }) => id),
      async () => (await store.list({ state: "done" })).map(({ id }) => id),
    );
  });

  test("the guide's program sends the warehouse the order that it saved, and no other", async () => {
    const url = await create();
    await pgPool(url).query("CREATE TABLE orders (id text PRIMARY KEY, item text NOT NULL)");
    const { url: warehouse, keys } = await api();
    const guide = new URL("../../examples/guides/intents-within.ts", import.meta.url).href;
    const lines = `
      const { placeOrder, intents } = await import(${JSON.stringify(guide)});
      await placeOrder("7", "tea");
      await placeOrder("7", "coffee").catch(({ code }) => console.log(code));
      await intents.resume();
      await intents.close();
      process.exit();`;
    const args = ["--conditions=@once-again/source", "--input-type=module", "--eval", lines];
    const env = { ...process.env, DATABASE_URL: url, WAREHOUSE_URL: warehouse };
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    expect(stdout).toBe("23505\n");
    expect([...keys.keys()]).toEqual(['{"id":"7","item":"tea"}']);
  });
});
