import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import type { TransactionalStore, TransactionEnding } from "../store.ts";
import { sqliteStore } from "./store.ts";

const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const result = Uint8Array.of(1);
const ends = (keep: TransactionEnding<string>["keep"]): TransactionEnding<string> => ({ keep, result, value: "ran" });
const over = expect.objectContaining({ code: "ONCE_OPERATION_ENDED" }) as Error;
const refused = expect.objectContaining({ code: "ONCE_HANDLER_FAILED" }) as Error;
const insert = "INSERT INTO effects VALUES (?)";

interface Ground {
  store: TransactionalStore<DatabaseSync>;
  /** The store's own connection. */
  inside: DatabaseSync;
  effects(): unknown[];
}

/** A store in a file, or in memory, and its table of effects. */
async function ground(path = join(temporaryFolder(), "app.db")): Promise<Ground> {
  // A store hides its connection; but that was made by a constructor, and the first thing it does is to set a pragma.
  const seen = vi.spyOn(DatabaseSync.prototype, "exec");
  const store = sqliteStore({ path });
  const inside = seen.mock.contexts[0] as DatabaseSync;
  seen.mockRestore();
  onTestFinished(() => store.close());
  await store.transactUnkeyed(async (transaction) => {
    transaction.exec("CREATE TABLE effects (name TEXT PRIMARY KEY) STRICT");
    return ends("commit");
  });
  const effects = () =>
    inside
      .prepare("SELECT name FROM effects ORDER BY name")
      .all()
      .map((row) => row["name"]);
  return { store, inside, effects };
}

const places = [
  ["in a file", () => ground()],
  ["in memory", () => ground(":memory:")],
] as const;

describe.for(places)("a transaction %s", ([, open]) => {
  test("is dead when its work has ended, with all that was made of it, and each late use is reported", async () => {
    const { store, effects } = await open();
    const late: (() => unknown)[] = [];
    const heard: unknown[] = [];
    await store.transact(
      operation,
      async (transaction) => {
        transaction.exec("INSERT INTO effects VALUES ('one'), ('two')");
        const statement = transaction.prepare(insert);
        const rows = transaction.prepare("SELECT name FROM effects").iterate();
        expect(rows.next().value).toMatchObject({ name: "one" });
        const written = transaction.prepare(`${insert} RETURNING name`).iterate("three");
        const session = transaction.createSession();
        const tags = transaction.createTagStore();
        late.push(
          () => transaction.exec("INSERT INTO effects VALUES ('late')"),
          () => transaction.exec("COMMIT"),
          () => transaction.prepare(insert),
          () => transaction.location(),
          () => transaction.function("late", () => 1),
          () => transaction.createTagStore(),
          () => transaction.close(),
          () => statement.run("late"),
          () => statement.get("late"),
          () => statement.all("late"),
          () => statement.iterate("late"),
          () => statement.columns(),
          () => statement.sourceSQL,
          () => statement.setReadBigInts(true),
          () => rows.next(),
          () => written.next(),
          () => session.changeset(),
          () => tags.run`INSERT INTO effects VALUES (${"late"})`,
        );
        return ends("commit");
      },
      (error) => heard.push(error),
    );
    // In the middle of another's transaction, where it would do most harm.
    await store.transactUnkeyed(async (transaction) => {
      for (const use of late) expect(use).toThrow(over);
      transaction.exec("INSERT INTO effects VALUES ('other')");
      return ends("commit");
    });
    expect(heard).toEqual(late.map(() => over));
    // The rows of the third INSERT were never asked for, so that it did not run.
    expect(effects()).toEqual(["one", "other", "two"]);
  });

  test("is dead, however its work ends: a branch of it that goes on has no effect", async () => {
    const { store, effects } = await open();
    const go = Promise.withResolvers<void>();
    const fault = new Error("out of stock");
    let charging: Promise<unknown> | undefined;
    const failed = store.transact(operation, async (transaction) => {
      const charge = async (): Promise<void> => {
        await go.promise;
        transaction.prepare(insert).run("charge");
      };
      charging = charge();
      await Promise.all([Promise.reject(fault), charging]);
      return ends("commit");
    });
    await expect(failed).rejects.toBe(fault);
    go.resolve();
    await expect(charging).rejects.toThrow(over);
    await store.transact(operation, async (transaction) => {
      transaction.prepare(insert).run("charge");
      return ends("commit");
    });
    expect(effects()).toEqual(["charge"]);
  });

  test("takes a nested BEGIN, COMMIT and ROLLBACK for savepoints", async () => {
    const { store, effects } = await open();
    await store.transact(operation, async (transaction) => {
      const begin = transaction.prepare("BEGIN IMMEDIATE");
      const [commit, rollback] = [transaction.prepare("commit;"), transaction.prepare("ROLLBACK")];
      begin.run();
      transaction.exec("INSERT INTO effects VALUES ('one')");
      expect(transaction.isTransaction).toBe(true);
      commit.run();
      begin.get();
      transaction.exec("INSERT INTO effects VALUES ('two')");
      expect(rollback.all()).toEqual([]);
      transaction.exec("BEGIN; INSERT INTO effects VALUES ('three'); END");
      expect(() => commit.run()).toThrow(refused);
      return ends("commit");
    });
    expect(effects()).toEqual(["one", "three"]);
    expect(await store.transact(operation, () => expect.fail("ran again"))).toEqual({ kind: "done", result });
  });
});

test.for(["COMMIT", "END", "ROLLBACK", "COMMIT; BEGIN", "RELEASE once_again_work", "SELECT 1; COMMIT"])(
  "%s is refused before it is sent, and the transaction goes on",
  async (text) => {
    const { store, effects } = await ground();
    await store.transact(operation, async (transaction) => {
      transaction.exec("INSERT INTO effects VALUES ('one')");
      expect(() => transaction.exec(text)).toThrow(refused);
      expect(() => transaction.prepare(text).run()).toThrow(refused);
      expect(transaction.isTransaction).toBe(true);
      return ends("rollback");
    });
    expect(effects()).toEqual([]);
  },
);

test("what would outlive the operation is refused", async () => {
  const { store } = await ground();
  await store.transactUnkeyed(async (transaction) => {
    expect(() => transaction.close()).toThrow("close() was refused");
    expect(() => transaction.open()).toThrow(refused);
    expect(() => transaction[Symbol.dispose]()).toThrow(refused);
    expect(() => transaction.setAuthorizer(null)).toThrow(refused);
    expect(() => transaction.deserialize(new Uint8Array())).toThrow(refused);
    return ends("commit");
  });
});

test("it has all that a DatabaseSync of this Node has, and a statement all that a StatementSync has", async () => {
  const { store, inside } = await ground();
  await store.transactUnkeyed(async (transaction) => {
    expect(transaction).toBeInstanceOf(DatabaseSync);
    const own = new Set(Reflect.ownKeys(Object.getPrototypeOf(transaction)));
    const real = [DatabaseSync.prototype, inside].flatMap((object) => Reflect.ownKeys(object));
    expect(real.filter((name) => !own.has(name) && typeof name === "string")).toEqual([]);
    const statement = transaction.prepare("SELECT 1");
    const model = inside.prepare("SELECT 1");
    const methods = [model, Object.getPrototypeOf(model)].flatMap((object) => Reflect.ownKeys(object));
    for (const one of [statement, transaction.prepare("SAVEPOINT mine")]) {
      expect(methods.filter((name) => !(name in one))).toEqual([]);
    }
    return ends("commit");
  });
});

test("it does what a DatabaseSync does", async () => {
  const { store, inside } = await ground();
  await store.transactUnkeyed(async (transaction) => {
    transaction.function("twice", (value) => Number(value) * 2);
    transaction.function("thrice", { deterministic: true }, (value) => Number(value) * 3);
    transaction.aggregate("total", { start: 0, step: (sum: number, value) => sum + Number(value) });
    const sql = "SELECT twice(:a) AS a, thrice(2) AS b, total(1) AS c, 4 AS d";
    const statement = transaction.prepare(sql);
    expect(statement.get({ a: 4 })).toEqual({ a: 8, b: 6, c: 1, d: 4 });
    statement.setAllowUnknownNamedParameters(true);
    statement.setReturnArrays(true);
    statement.setReadBigInts(true);
    expect(statement.all({ a: 4, unknown: 1 })).toEqual([[8, 6, 1, 4n]]);
    expect(statement.columns().map(({ name }) => name)).toEqual(["a", "b", "c", "d"]);
    expect([statement.sourceSQL, statement.expandedSQL.includes(":a")]).toEqual([sql, false]);
    const tags = transaction.createTagStore(1);
    expect([tags.get`SELECT ${1} AS one`, tags.all`SELECT ${2} AS two`]).toEqual([{ one: 1 }, [{ two: 2 }]]);
    expect([tags.size, tags.capacity, tags.db === transaction]).toEqual([1, 1, true]);
    const session = transaction.createSession();
    expect(transaction.prepare(insert).run("one")).toEqual({ changes: 1, lastInsertRowid: 1 });
    const changes = session.changeset();
    expect(session.patchset().length).toBeGreaterThan(0);
    session.close();
    transaction.exec("DELETE FROM effects");
    expect(transaction.applyChangeset(changes)).toBe(true);
    const rows = transaction.prepare("SELECT value FROM json_each('[1, 2, 3]')").iterate();
    expect([...rows]).toEqual([{ value: 1 }, { value: 2 }, { value: 3 }]);
    for (const row of transaction.prepare("SELECT 1 AS one UNION SELECT 2").iterate()) {
      expect(row).toEqual({ one: 1 });
      break;
    }
    expect([transaction.location(), transaction.isOpen]).toEqual([inside.location(), true]);
    expect(Object.keys(transaction.limits).length).toBeGreaterThan(0);
    expect(transaction.serialize().length).toBeGreaterThan(0);
    return ends("commit");
  });
});

test("after a failure for which SQLite rolls back, nothing more is sent, and the key is free", async () => {
  const { store, effects } = await ground();
  const run = (keep: "commit" | "rollback") =>
    store.transact(operation, async (transaction) => {
      transaction.exec("INSERT INTO effects VALUES ('one')");
      const again = transaction.prepare("INSERT OR ROLLBACK INTO effects VALUES ('one')");
      expect(() => again.run()).toThrow("UNIQUE");
      expect(() => transaction.exec("INSERT INTO effects VALUES ('two')")).toThrow(refused);
      return ends(keep);
    });
  await expect(run("commit")).rejects.toThrow("the database rolled its transaction back");
  expect(await run("rollback")).toEqual({ kind: "executed", value: "ran" });
  expect(effects()).toEqual([]);
  expect((await store.transact(operation, async () => ends("commit"))).kind).toBe("executed");
});

describe("a COMMIT that got through all the same", () => {
  test.for(["commit", "answer-only", "rollback", "throw"] as const)("leaves the key held: %s", async (keep) => {
    const { store, inside, effects } = await ground();
    const run = store.transact(operation, async (transaction) => {
      transaction.exec("INSERT INTO effects VALUES ('one')");
      inside.exec("COMMIT");
      // The next use would be committed by itself.
      expect(() => transaction.exec("INSERT INTO effects VALUES ('two')")).toThrow(refused);
      if (keep === "throw") throw new Error("fault");
      return ends(keep);
    });
    await expect(run).rejects.toThrow("its key is held");
    expect(effects()).toEqual(["one"]);
    const again = await store.transact(operation, () => expect.fail("ran again"));
    expect(again).toMatchObject({ kind: "abandoned" });
    expect(await store.resolve({ ...operation, settlement: { as: "not-executed" } })).toBe(true);
    expect((await store.transact(operation, async () => ends("commit"))).kind).toBe("executed");
  });

  test("and a BEGIN behind it, too", async () => {
    const { store, inside, effects } = await ground();
    for (const fault of [undefined, new Error("fault")]) {
      const key = `order-${fault?.message}`;
      const run = store.transact({ ...operation, key }, async (transaction) => {
        transaction.prepare(insert).run(key);
        inside.exec("COMMIT; BEGIN");
        transaction.prepare(insert).run(`${key}, not committed`);
        if (fault) throw fault;
        return ends("commit");
      });
      await expect(run).rejects.toThrow("its key is held");
      expect((await store.inspect({ ...operation, key }))?.state).toBe("abandoned");
    }
    expect(effects()).toEqual(["order-fault", "order-undefined"]);
  });

  test("is reported where there is no key to hold", async () => {
    const { store, inside } = await ground();
    const run = store.transactUnkeyed(async () => {
      inside.exec("COMMIT");
      return ends("commit");
    });
    await expect(run).rejects.toThrow("may be committed without its key; there is no key that could be held");
  });
});
