import { join } from "node:path";
import { createClient, type Transaction } from "@libsql/client";
import { describe, expect, onTestFinished, test } from "vitest";
import { keepsOrder } from "../../../../../test/support/keeps-order.ts";
import { folderOfSuite, temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import { storeContract, transactionContract, type TransactionFixture } from "../../../../testing/src/index.ts";
import type { RecordName } from "../store.ts";
import { sqliteStore } from "./store.ts";

/** A client on a database until the running test ends. */
function open(url: string, intMode: "number" | "bigint" | "string" = "number") {
  const client = createClient({ url, intMode });
  onTestFinished(() => client.close());
  return client;
}

const statement = "UPDATE once_again_keys SET attempt = 0 WHERE scope = ? AND key = ?";

describe("the SQLite store by libSQL, on a file", () => {
  const folder = folderOfSuite();
  const url = (records: string): string => `file:${join(folder(), `${records}.db`)}`;
  const breakRecord = async (records: string, { scope, key }: RecordName) =>
    void (await open(url(records)).execute(statement, [scope, key]));
  const cases = storeContract({ open: (records) => sqliteStore(open(url(records))), breakRecord });
  for (const { name, run } of cases) test(name, run);
  keepsOrder(() => sqliteStore(open(url("in-order"))));
});

describe("the SQLite store by libSQL, in memory", () => {
  const clients = new Map<string, ReturnType<typeof createClient>>();
  const clientOf = (records: string) => {
    const client = clients.get(records) ?? open(":memory:");
    clients.set(records, client);
    return client;
  };
  const breakRecord = async (records: string, { scope, key }: RecordName) =>
    void (await clientOf(records).execute(statement, [scope, key]));
  const cases = storeContract({ open: (records) => sqliteStore(clientOf(records)), breakRecord });
  for (const { name, run } of cases) test(name, run);
});

describe("the SQLite store by libSQL, in transactions", () => {
  const fixture = async (records: string): Promise<TransactionFixture<Transaction>> => {
    const client = open(`file:${join(temporaryFolder(), `${records}.db`)}`);
    await client.execute("CREATE TABLE effects (name TEXT NOT NULL) STRICT");
    return {
      store: sqliteStore(client),
      execute: async (transaction, text) => void (await transaction.execute(text)),
      effects: async () =>
        (await client.execute("SELECT name FROM effects ORDER BY name")).rows.map((row) => row["name"]),
    };
  };
  for (const { name, run } of transactionContract({ open: fixture, parallel: false })) test(name, run);
});

const request = { scope: "orders", key: "order-1", fingerprint: "f", retentionMs: 60_000 };
const claim = { ...request, owner: "me", leaseMs: 60_000 };
const committed = async () => ({ keep: "commit", result: new Uint8Array([1]), value: "done" }) as const;

describe("a database that others use", () => {
  const onFile = () => {
    const url = `file:${join(temporaryFolder(), "shop.db")}`;
    return [open(url), open(url)] as const;
  };

  test("another connection's lock is waited for, and an operation that waits too long is refused", async () => {
    const [client, other] = onFile();
    const store = sqliteStore(client, { busyMsMax: 200 });
    await store.claim({ ...claim, key: "first" });
    const lock = await other.transaction("write");
    const unavailable = { code: "ONCE_STORE_UNAVAILABLE" };
    await expect(store.claim(claim)).rejects.toMatchObject(unavailable);
    await expect(store.transact(request, committed)).rejects.toMatchObject(unavailable);
    const waiting = sqliteStore(client).transact(request, committed);
    await lock.commit();
    expect(await waiting).toEqual({ kind: "executed", value: "done" });
  });

  test("a client that goes on after a wait for another's lock commits at once", async () => {
    const [client, other] = onFile();
    const store = sqliteStore(client);
    await store.claim({ ...claim, key: "first" });
    for (const key of ["one", "two", "three"]) {
      const lock = await other.transaction("write");
      const waiting = store.transact({ ...request, key }, committed);
      const claiming = store.claim({ ...claim, key: `${key} leased` });
      await lock.commit();
      expect(await waiting).toMatchObject({ kind: "executed" });
      expect(await claiming).toMatchObject({ kind: "acquired" });
    }
  });

  test("a connection that libSQL left in the middle of its user's statement runs no handler", async () => {
    const [client, other] = onFile();
    const store = sqliteStore(client, { busyMsMax: 100 });
    await store.claim({ ...claim, key: "first" });
    const lock = await other.transaction("write");
    const failed = await client.execute("CREATE TABLE effects (name TEXT)").catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "SQLITE_BUSY" });
    await lock.commit();
    let runs = 0;
    const work = () => {
      runs += 1;
      return committed();
    };
    const answer = await store.transact(request, work).catch((error: unknown) => error);
    // Garbage collection may have repaired the connection.
    if (runs === 0) expect(answer).toMatchObject({ code: "ONCE_STORE_UNAVAILABLE" });
    else expect(answer).toMatchObject({ kind: "executed" });
  });

  test("of 20 copies on two clients at once one has its effect", async () => {
    const clients = onFile();
    await clients[0].execute("CREATE TABLE effects (name TEXT)");
    const stores = clients.map((client) => sqliteStore(client));
    const copies = Array.from({ length: 20 }, (_, copy) =>
      stores[copy % 2]!.transact(request, async (transaction) => {
        await transaction.execute({ sql: "INSERT INTO effects VALUES (?)", args: [String(copy)] });
        return committed();
      }),
    );
    const kinds = (await Promise.all(copies)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "executed")).toHaveLength(1);
    expect(new Set(kinds)).toEqual(new Set(["executed", "done"]));
    const { rows } = await clients[1].execute("SELECT count(*) AS n FROM effects");
    expect(rows[0]!["n"]).toBe(1);
  });

  test("in memory, where a client has one connection, its user's open transaction is waited for", async () => {
    const client = open(":memory:");
    const store = sqliteStore(client);
    await store.claim({ ...claim, key: "first" });
    const transaction = await client.transaction("write");
    const claiming = store.claim(claim);
    await transaction.rollback();
    expect(await claiming).toMatchObject({ kind: "acquired" });
  });
});

test("what a handler is given can't end the transaction, by any of its methods", async () => {
  const client = open(":memory:");
  await client.execute("CREATE TABLE effects (name TEXT)");
  const store = sqliteStore(client);
  const ways: ((transaction: Transaction) => Promise<unknown>)[] = [
    (transaction) => transaction.commit(),
    (transaction) => transaction.rollback(),
    (transaction) => transaction.execute("COMMIT"),
    (transaction) => transaction.execute({ sql: "  /* x */ END", args: [] }),
    (transaction) => transaction.batch(["INSERT INTO effects VALUES ('a')", { sql: "ROLLBACK", args: [] }]),
    (transaction) => transaction.executeMultiple("INSERT INTO effects VALUES ('b'); COMMIT"),
  ];
  for (const way of ways) {
    const transacting = store.transact(request, async (transaction) => {
      await way(transaction);
      return committed();
    });
    await expect(transacting).rejects.toMatchObject({ code: "ONCE_HANDLER_FAILED" });
  }
  const answer = await store.transact(request, async (transaction) => {
    transaction.close();
    await transaction.executeMultiple("BEGIN; INSERT INTO effects VALUES ('nested'); COMMIT");
    await transaction.executeMultiple("BEGIN; INSERT INTO effects VALUES ('undone'); ROLLBACK");
    await transaction.batch([{ sql: "INSERT INTO effects VALUES (?)", args: ["batch"] }]);
    expect(transaction.closed).toBe(false);
    return committed();
  });
  expect(answer.kind).toBe("executed");
  const { rows } = await client.execute("SELECT name FROM effects ORDER BY name");
  expect(rows.map((row) => row["name"])).toEqual(["batch", "nested"]);
});

test("a failure for which SQLite rolls everything back commits nothing, even if the handler goes on", async () => {
  const client = open(":memory:");
  await client.execute("CREATE TABLE effects (name TEXT UNIQUE)");
  const store = sqliteStore(client);
  const transacting = store.transact(request, async (transaction) => {
    await transaction.execute("INSERT INTO effects VALUES ('a')");
    await transaction.execute("INSERT OR ROLLBACK INTO effects VALUES ('a')").catch(() => undefined);
    await transaction.execute("INSERT INTO effects VALUES ('b')").catch(() => undefined);
    return committed();
  });
  await expect(transacting).rejects.toMatchObject({ code: "ONCE_HANDLER_FAILED" });
  expect((await client.execute("SELECT * FROM effects")).rows).toEqual([]);
  expect(await store.inspect(request)).toBeUndefined();
});

test.for(["bigint", "string"] as const)("records are read by a client with intMode %s", async (intMode) => {
  const store = sqliteStore(open(":memory:", intMode));
  await store.claim(claim);
  expect(await store.claim({ ...claim, owner: "other" })).toMatchObject({ kind: "in-progress" });
  const result = new Uint8Array([0, 1, 254, 255]);
  expect(await store.complete({ ...claim, result })).toBe(true);
  expect(await store.claim(claim)).toMatchObject({ kind: "done", result });
  const [first] = await store.list({ limit: 10 });
  expect(first!.record).toMatchObject({ attempt: 1, state: "done" });
});

test("a client that was closed is an error of each operation, and a store of it can be closed twice", async () => {
  const client = createClient({ url: ":memory:" });
  const store = sqliteStore(client);
  await store.close();
  await store.close();
  expect(await store.claim(claim)).toMatchObject({ kind: "acquired" });
  client.close();
  await expect(store.inspect(claim)).rejects.toThrow(/closed/);
});
