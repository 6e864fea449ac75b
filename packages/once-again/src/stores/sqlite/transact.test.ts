import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import { type FakeClock, fakeClock } from "../../../../testing/src/fake-clock.ts";
import type { TransactionalStore, TransactionEnding } from "../store.ts";
import { sqliteStore, type SqliteStoreOptions } from "./store.ts";

const retentionMs = 1000;
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs };
const result = Uint8Array.of(1, 2, 3);
const ends = (keep: TransactionEnding<string>["keep"]): TransactionEnding<string> => ({ keep, result, value: "ran" });

interface Opened {
  store: TransactionalStore<DatabaseSync>;
  clock: FakeClock;
  path: string;
  /** The effects that are committed, read through another connection. */
  effects(): unknown[];
}

function opened(options: Partial<SqliteStoreOptions> = {}): Opened {
  const path = join(temporaryFolder(), "app.db");
  const clock = fakeClock(1_700_000_000_000);
  const store = sqliteStore({ path, clock, ...options });
  const outside = new DatabaseSync(path);
  outside.exec("CREATE TABLE effects (name TEXT NOT NULL) STRICT");
  onTestFinished(async () => {
    outside.close();
    await store.close();
  });
  return {
    store,
    clock,
    path,
    effects: () =>
      outside
        .prepare("SELECT name FROM effects")
        .all()
        .map((row) => row["name"]),
  };
}

const insert = (database: DatabaseSync, name: string): void =>
  void database.prepare("INSERT INTO effects VALUES (?)").run(name);

describe("transact", () => {
  test("commits key, effect and result together, and a repeat gets the result", async () => {
    const { store, effects } = opened();
    const answer = await store.transact(operation, async (database) => {
      insert(database, "one");
      // It is invisible before the commit.
      expect(effects()).toEqual([]);
      return ends("commit");
    });
    expect(answer).toEqual({ kind: "executed", value: "ran" });
    expect(effects()).toEqual(["one"]);
    expect(await store.transact(operation, () => expect.fail("ran again"))).toEqual({ kind: "done", result });
    expect(await store.inspect(operation)).toMatchObject({ state: "done" });
  });

  test("answer-only undoes the effect and keeps the result", async () => {
    const { store, effects } = opened();
    const answer = await store.transact(operation, async (database) => {
      insert(database, "one");
      return ends("answer-only");
    });
    expect(answer).toEqual({ kind: "executed", value: "ran" });
    expect(effects()).toEqual([]);
    expect(await store.transact(operation, () => expect.fail("ran again"))).toEqual({ kind: "done", result });
  });

  test("rollback undoes all of it, key included", async () => {
    const { store, effects } = opened();
    const run = (name: string, keep: "commit" | "rollback") =>
      store.transact(operation, async (database) => {
        insert(database, name);
        return ends(keep);
      });
    expect(await run("one", "rollback")).toEqual({ kind: "executed", value: "ran" });
    expect(effects()).toEqual([]);
    expect(await store.inspect(operation)).toBeUndefined();
    expect((await run("two", "commit")).kind).toBe("executed");
    expect(effects()).toEqual(["two"]);
  });

  test("what the work throws rolls all of it back, and is thrown on", async () => {
    const { store, effects } = opened();
    const fault = new Error("fault");
    const work = async (database: DatabaseSync): Promise<TransactionEnding<string>> => {
      insert(database, "one");
      throw fault;
    };
    await expect(store.transact(operation, work)).rejects.toBe(fault);
    await expect(store.transactUnkeyed(work)).rejects.toBe(fault);
    expect(effects()).toEqual([]);
    expect(await store.inspect(operation)).toBeUndefined();
    // The connection is free again.
    expect((await store.transact(operation, async () => ends("commit"))).kind).toBe("executed");
  });

  test("another request with the key is a mismatch, and an expired key is new", async () => {
    const { store, clock } = opened();
    await store.transact(operation, async () => ends("commit"));
    const other = { ...operation, fingerprint: "g" };
    expect(await store.transact(other, () => expect.fail("ran"))).toEqual({ kind: "mismatch" });
    await clock.advance(retentionMs - 1);
    expect((await store.transact(other, () => expect.fail("ran"))).kind).toBe("mismatch");
    await clock.advance(1);
    expect((await store.transact(other, async () => ends("commit"))).kind).toBe("executed");
  });

  test("a key that a leased worker owns, or left behind, does not run", async () => {
    const { store, clock } = opened();
    await store.claim({ ...operation, owner: "worker", leaseMs: 100 });
    const run = () => store.transact(operation, () => expect.fail("ran"));
    expect(await run()).toEqual({ kind: "in-progress", leaseMsLeft: 100 });
    await clock.advance(100);
    expect(await run()).toMatchObject({ kind: "abandoned" });
  });

  test("of 50 duplicates during an open transaction, none runs, and all get the first result", async () => {
    const { store, effects } = opened();
    const go = Promise.withResolvers<void>();
    let runs = 0;
    const first = store.transact(operation, async (database) => {
      runs += 1;
      insert(database, "one");
      await go.promise;
      insert(database, "still one");
      return ends("commit");
    });
    const repeats = Array.from({ length: 50 }, () => store.transact(operation, () => expect.fail("ran again")));
    go.resolve();
    expect((await first).kind).toBe("executed");
    for (const answer of await Promise.all(repeats)) expect(answer).toEqual({ kind: "done", result });
    expect(runs).toBe(1);
    expect(effects()).toEqual(["one", "still one"]);
  });

  test("nothing else happens on the connection inside an open transaction", async () => {
    const { store, effects } = opened();
    const go = Promise.withResolvers<void>();
    const rolledBack = store.transact(operation, async (database) => {
      insert(database, "one");
      await go.promise;
      return ends("rollback");
    });
    const claimed = store.claim({ ...operation, key: "other", owner: "me", leaseMs: 100 });
    go.resolve();
    await rolledBack;
    expect((await claimed).kind).toBe("acquired");
    // It was not rolled back with the other.
    expect((await store.inspect({ scope: "acme", key: "other" }))?.state).toBe("running");
    expect(effects()).toEqual([]);
  });

  test("work may use its own savepoints", async () => {
    const { store, effects } = opened();
    await store.transact(operation, async (database) => {
      insert(database, "one");
      database.exec("SAVEPOINT mine");
      insert(database, "two");
      database.exec("ROLLBACK TO mine; RELEASE mine; SAVEPOINT left_open");
      return ends("commit");
    });
    expect(effects()).toEqual(["one"]);
  });

  test("work without a key commits or rolls back too", async () => {
    const { store, effects } = opened();
    for (const keep of ["commit", "answer-only", "rollback"] as const) {
      const value = await store.transactUnkeyed(async (database) => {
        insert(database, keep);
        return ends(keep);
      });
      expect(value).toBe("ran");
    }
    expect(effects()).toEqual(["commit"]);
    expect(await store.list({})).toEqual([]);
  });
});

describe("retention", () => {
  test("counts from the end of work that takes longer than its result is stored", async () => {
    const { store, clock } = opened();
    await store.transact(operation, async () => {
      await clock.advance(3 * retentionMs);
      return ends("commit");
    });
    await clock.advance(retentionMs - 1);
    expect(await store.transact(operation, () => expect.fail("ran again"))).toEqual({ kind: "done", result });
    await clock.advance(1);
    expect((await store.transact(operation, async () => ends("commit"))).kind).toBe("executed");
  });

  test("a result is stored although the clock was set back while its work ran", async () => {
    let now = 1_700_000_000_000;
    const { store } = opened({ clock: { ...fakeClock(), now: () => now } });
    await store.transact(operation, async () => ends("commit"));
    now += retentionMs;
    const again = await store.transact({ ...operation, fingerprint: "g" }, async () => {
      now -= 10;
      return { ...ends("commit"), result: Uint8Array.of(9) };
    });
    expect(again.kind).toBe("executed");
    expect((await store.inspect(operation))?.record.result).toEqual(Uint8Array.of(9));
  });
});

describe("opening and closing", () => {
  test("what one store wrote, the next one on the file knows", async () => {
    const { store, path, clock } = opened();
    await store.transact(operation, async () => ends("commit"));
    await store.close();
    const next = sqliteStore({ path, clock });
    onTestFinished(() => next.close());
    expect(await next.transact(operation, () => expect.fail("ran again"))).toEqual({ kind: "done", result });
  });

  test("close waits for the open transaction, and may be called twice", async () => {
    const { store, effects } = opened();
    const go = Promise.withResolvers<void>();
    const running = store.transact(operation, async (database) => {
      await go.promise;
      insert(database, "one");
      return ends("commit");
    });
    const closed = store.close();
    go.resolve();
    expect((await running).kind).toBe("executed");
    await closed;
    await store.close();
    expect(effects()).toEqual(["one"]);
    await expect(store.inspect(operation)).rejects.toBeInstanceOf(Error);
  });

  test("its options are checked, and a path where no file can be is refused", () => {
    const path = join(temporaryFolder(), "app.db");
    const invalid = expect.objectContaining({ code: "ONCE_OPTION_INVALID" }) as Error;
    expect(() => sqliteStore({ path: "" })).toThrow(invalid);
    expect(() => sqliteStore({ path: undefined as unknown as string })).toThrow(invalid);
    expect(() => sqliteStore({ path, busyMsMax: -1 })).toThrow(invalid);
    expect(() => sqliteStore({ path, queueMax: 0 })).toThrow(invalid);
    expect(() => sqliteStore({ path: join(path, "no", "folder") })).toThrow("is not. Make it first");
  });
});
