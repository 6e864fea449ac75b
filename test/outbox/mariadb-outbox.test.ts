import { createPool, type PoolOptions, type RowDataPacket } from "mysql2/promise";
import { describe, expect, test } from "vitest";
import { type NewMessage, openRelay } from "../../packages/once-again/src/messaging/outbox/index.ts";
import {
  mariadbOutbox,
  type MariadbOutboxTransaction,
  mariadbStore,
} from "../../packages/once-again/src/stores/mariadb/index.ts";
import { outboxContract } from "../../packages/testing/src/index.ts";
import { databases, mariadbPool } from "../mariadb/databases.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { mariadbBinary } from "../support/servers/mariadb.ts";
import { beginInMariadb } from "../support/outbox/transactions.ts";

const message = { topic: "orders", orderingKey: "k", body: "tea" };

describeWithServer("the outbox in MariaDB", mariadbBinary, () => {
  const { server, create } = databases();

  /** A database with an outbox, and transactions of the user's own. */
  const shop = async (options: PoolOptions = {}) => {
    const pool = mariadbPool(await create(), options);
    const outbox = mariadbOutbox(pool);
    await outbox.migrate();
    const begin = async () => {
      const connection = await pool.getConnection();
      await connection.beginTransaction();
      return connection;
    };
    const add = async (added: NewMessage): Promise<void> => {
      const connection = await begin();
      await outbox.add(connection, added);
      await connection.commit();
      connection.release();
    };
    return { pool, outbox, begin, add };
  };

  describe("the contract", () => {
    const cases = outboxContract<MariadbOutboxTransaction>({
      async open(records) {
        const pool = createPool({ uri: server().url, connectionLimit: 70 });
        const outbox = mariadbOutbox(pool, { tablePrefix: `${records}_` });
        await outbox.migrate();
        return {
          outbox,
          close: () => pool.end(),
          begin: () => beginInMariadb(pool),
        };
      },
    });
    for (const { name, run } of cases) test(name, run);
  });

  test("a handler's transaction commits the message with its key, or neither", async () => {
    const pool = mariadbPool(await create());
    const [store, outbox] = [mariadbStore(pool), mariadbOutbox(pool)];
    await Promise.all([store.migrate(), ...Array.from({ length: 8 }, () => outbox.migrate())]);
    const request = { scope: "acme", fingerprint: "f", retentionMs: 60_000 };
    for (const keep of ["rollback", "answer-only", "commit", "commit"] as const) {
      await store.transact({ ...request, key: keep }, async (transaction) => {
        await outbox.add(transaction, { ...message, id: keep });
        return { keep, result: new Uint8Array(), value: keep };
      });
    }
    const ids: string[] = [];
    const relay = openRelay({ outbox, publish: async ({ id }) => void ids.push(id) });
    await relay.idle();
    await relay.close();
    expect(ids).toEqual(["commit"]);
  });

  test("what is no open transaction is refused, and so is an outbox without its tables", async () => {
    const pool = mariadbPool(await create());
    const outbox = mariadbOutbox(pool);
    await expect(outbox.backlog()).rejects.toMatchObject({ code: "ONCE_STORE_UNAVAILABLE" });
    await outbox.migrate();
    const connection = await pool.getConnection();
    for (const given of [pool, connection, undefined, {}]) {
      await expect(outbox.add(given as never, message)).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
    }
    connection.release();
    expect(await outbox.backlog()).toMatchObject({ messages: 0 });
    expect(() => mariadbOutbox(pool, { batchSize: 1 } as never)).toThrow(/batchSize/);
  });

  test("of two that add to two keys in opposite order one is ended, and can begin again", async () => {
    const { outbox, begin } = await shop();
    const [one, other] = [await begin(), await begin()];
    await outbox.add(one, { ...message, orderingKey: "a" });
    await outbox.add(other, { ...message, orderingKey: "b" });
    const adds = await Promise.allSettled([
      outbox.add(one, { ...message, orderingKey: "b" }),
      outbox.add(other, { ...message, orderingKey: "a" }),
    ]);
    const failed = adds.findIndex(({ status }) => status === "rejected");
    expect(adds[failed]).toMatchObject({ reason: { code: "ER_LOCK_DEADLOCK", sqlState: "40001" } });
    expect(adds[1 - failed]).toMatchObject({ status: "fulfilled" });
    const [ended, winner] = failed === 0 ? [one, other] : [other, one];
    // An addition without a transaction would be committed by itself.
    const late = outbox.add(ended, message);
    await expect(late).rejects.toThrow(expect.objectContaining({ message: expect.stringContaining("rolled it back") }));
    await winner.commit();
    await ended.beginTransaction();
    for (const orderingKey of ["a", "b"]) await outbox.add(ended, { ...message, orderingKey });
    await ended.commit();
    expect(await outbox.backlog()).toMatchObject({ messages: 4 });
  });

  test("handlers that add to two keys in opposite order run again by themselves", async () => {
    const { pool, outbox } = await shop();
    const store = mariadbStore(pool);
    await store.migrate();
    const bothHaveOne = Promise.withResolvers<void>();
    let [having, runs] = [0, 0];
    const add = (...keys: readonly string[]) =>
      store.transact(
        { scope: "acme", key: keys.join(), fingerprint: "f", retentionMs: 60_000 },
        async (transaction) => {
          runs += 1;
          for (const orderingKey of keys) {
            await outbox.add(transaction, { ...message, orderingKey });
            having += 1;
            if (having === 2) bothHaveOne.resolve();
            await bothHaveOne.promise;
          }
          return { keep: "commit", result: new Uint8Array(), value: "added" };
        },
      );
    const answers = await Promise.all([add("a", "b"), add("b", "a")]);
    expect(answers.map(({ kind }) => kind)).toEqual(["executed", "executed"]);
    expect(runs).toBe(3);
    expect(await outbox.backlog()).toMatchObject({ messages: 4 });
  });

  test("a transaction that waits too long for a key gets an error, and goes on", async () => {
    const { outbox, begin } = await shop();
    const [one, other] = [await begin(), await begin()];
    await outbox.add(one, message);
    await other.query("SET SESSION innodb_lock_wait_timeout = 0");
    await expect(outbox.add(other, message)).rejects.toMatchObject({ code: "ER_LOCK_WAIT_TIMEOUT" });
    await outbox.add(other, { ...message, orderingKey: "another" });
    await Promise.all([one.commit(), other.commit()]);
    expect(await outbox.backlog()).toMatchObject({ messages: 2 });
  });

  test("a connection that commits nothing by itself has a transaction open", async () => {
    const { pool, outbox } = await shop();
    const connection = await pool.getConnection();
    await connection.query("SET autocommit = 0");
    await outbox.add(connection, message);
    expect(await outbox.backlog()).toMatchObject({ messages: 0 });
    await connection.query("COMMIT");
    expect(await outbox.backlog()).toMatchObject({ messages: 1 });
    connection.destroy();
  });

  test("a relay that stands still in the middle of a claim has nothing locked, and gets nothing that another has", async () => {
    const { pool, outbox, add } = await shop();
    await add({ ...message, id: "keyed" });
    await add({ ...message, id: "free", orderingKey: undefined });
    const [stands, goes] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow = mariadbOutbox({
      query: (statement, values) => pool.query(statement, values),
      getConnection: async () => {
        const connection = await pool.getConnection();
        return {
          async query(statement, values) {
            if (statement.includes("UPDATE")) {
              stands.resolve();
              await goes.promise;
            }
            return connection.query(statement, values);
          },
          release: () => connection.release(),
          destroy: () => connection.destroy(),
        };
      },
    });
    const claim = { leaseMs: 60_000, limit: 10, messagesPerKey: 10 };
    const late = slow.claim({ ...claim, owner: "late" });
    await stands.promise;
    const { batches } = await outbox.claim({ ...claim, owner: "quick" });
    expect(batches.flatMap(({ messages }) => messages.map(({ id }) => id))).toEqual(["free", "keyed"]);
    goes.resolve();
    expect((await late).batches).toEqual([]);
  });

  describe("of which one look shows a commit, and misses one before it", () => {
    // MariaDB makes its snapshot while transactions commit. Here the one that it missed is written when the look is over.
    const claims = async (seen: readonly number[], missed: readonly number[]) => {
      const pool = mariadbPool(await create());
      const write = async (positions: readonly number[]): Promise<void> => {
        for (const position of positions) {
          await pool.query(
            `INSERT INTO once_again_outbox (position, id, topic, ordering_key, headers, body, added_at, due_at)
              VALUES (?, ?, 'orders', 'k', '{}', 'tea', 0, 0)`,
            [position, `m${position}`],
          );
        }
      };
      let late = missed;
      const lookingFirst = {
        query: (statement: string, values?: unknown[]) => pool.query(statement, values),
        async getConnection() {
          const connection = await pool.getConnection();
          const query = async (statement: string, values?: unknown[]) => {
            const answer = await connection.query(statement, values);
            if (statement.includes("GROUP BY ordering_key")) {
              await write(late);
              late = [];
            }
            return answer;
          };
          const [release, destroy] = [() => connection.release(), () => connection.destroy()];
          return { query, release, destroy } as unknown as typeof connection;
        },
      };
      const outbox = mariadbOutbox(lookingFirst);
      await outbox.migrate();
      await write(seen);
      const claim = async (owner: string) => {
        const { batches } = await outbox.claim({ owner, leaseMs: 60_000, limit: 10, messagesPerKey: 10 });
        return batches.map(({ messages }) => messages.map(({ id }) => id));
      };
      return { first: await claim("one"), claim };
    };

    test("where that was the oldest, nothing of the key is claimed before it", async () => {
      const { first, claim } = await claims([2, 3], [1]);
      expect(first).toEqual([]);
      expect(await claim("other")).toEqual([["m1", "m2", "m3"]]);
    });

    test("where that was between them, it is claimed in its place", async () => {
      expect((await claims([1, 3], [2])).first).toEqual([["m1", "m2", "m3"]]);
    });

    test("what came after the look is left for the next one", async () => {
      expect((await claims([1, 2], [4])).first).toEqual([["m1", "m2"]]);
    });
  });

  test("relays and operators wait for no transaction that is open", async () => {
    const { outbox, begin, add } = await shop();
    const open = await begin();
    for (const orderingKey of ["j", undefined, "l"]) await outbox.add(open, { ...message, orderingKey });
    for (const id of ["1", "2", "3"]) await add({ ...message, id });
    const owner = "one";
    const claim = async () => {
      const { batches } = await outbox.claim({ owner, leaseMs: 60_000, limit: 10, messagesPerKey: 10 });
      return batches.flatMap(({ messages }) => messages.map(({ position }) => ({ position, owner, delayMs: 0 })));
    };
    await outbox.postpone(await claim());
    const [first, second] = await claim();
    await outbox.postpone([{ ...second!, park: "block", refusal: "no" }]);
    await outbox.confirm([first!.position]);
    expect(await outbox.retryParked("2")).toBe(true);
    await outbox.postpone((await claim()).map((ended) => ({ ...ended, park: "block", refusal: "no" })));
    expect(await outbox.discardParked("2")).toBe(true);
    expect(await outbox.backlog()).toMatchObject({ messages: 1, parked: 1 });
    await open.rollback();
  });

  test("a claim reads few rows, however many a key has, and however many are parked", async () => {
    const { pool, outbox } = await shop({ connectionLimit: 1 });
    const rows = (key: string, parkedAt: string, count: number) =>
      pool.query(`INSERT INTO once_again_outbox (id, topic, ordering_key, headers, body, added_at, due_at, parked_at)
        SELECT seq, 'orders', ${key}, '{}', '', 0, 0, ${parkedAt} FROM seq_1_to_${count}`);
    await rows("NULL", "1", 20_000);
    await rows("'hot'", "NULL", 20_000);
    await rows("CONCAT('key-', seq)", "NULL", 20_000);
    await rows("NULL", "NULL", 20_000);
    await pool.query("FLUSH SESSION STATUS");
    const { batches } = await outbox.claim({ owner: "one", leaseMs: 60_000, limit: 10, messagesPerKey: 2 });
    expect(batches.map(({ messages }) => messages.length)).toEqual([10, 2, ...Array.from({ length: 9 }, () => 1)]);
    const [reads] = await pool.query<RowDataPacket[]>("SHOW SESSION STATUS LIKE 'Handler_read%'");
    const sum = reads.reduce((total, { Value: value }) => total + Number(value), 0);
    expect(sum).toBeLessThan(2000);
  });

  test("what is unconfirmed is found by an index, however many messages wait", async () => {
    const { pool, outbox } = await shop({ connectionLimit: 1 });
    const rows = (triedAt: string, count: number) =>
      pool.query(`INSERT INTO once_again_outbox (id, topic, headers, body, added_at, due_at, place, tried_at)
        SELECT seq, 'orders', '{}', '', 0, 0, 'shop', ${triedAt} FROM seq_1_to_${count}`);
    await rows("NULL", 20_000);
    await rows("1", 20);
    await rows("NULL", 20_000);
    const looks = [
      () => outbox.listUnconfirmed({ limit: 10 }),
      () => outbox.showUnconfirmed("7"),
      () => outbox.listPlaces(),
    ];
    for (const look of looks) {
      await pool.query("FLUSH SESSION STATUS");
      expect(await look()).not.toEqual([]);
      const [reads] = await pool.query<RowDataPacket[]>("SHOW SESSION STATUS LIKE 'Handler_read%'");
      expect(reads.reduce((total, { Value: value }) => total + Number(value), 0)).toBeLessThan(500);
    }
  });
});
