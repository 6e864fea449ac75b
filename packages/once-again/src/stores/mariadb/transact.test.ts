import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/mysql2";
import knex from "knex";
import { Kysely, MysqlDialect, type MysqlPool } from "kysely";
import type { PoolConnection as CallbackConnection } from "mysql2";
import type { PoolConnection, RowDataPacket } from "mysql2/promise";
import { expect, test } from "vitest";
import { databases, mariadbPool } from "../../../../../test/mariadb/databases.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { mariadbBinary } from "../../../../../test/support/servers/mariadb.ts";
import { mariadbStore } from "./index.ts";

const result = Uint8Array.of(1, 2, 3);
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const commit = { keep: "commit", result, value: "ran" } as const;
const never = (): never => expect.fail("ran again");
const over = expect.objectContaining({ code: "ONCE_OPERATION_ENDED" }) as Error;
const refused = expect.objectContaining({ code: "ONCE_HANDLER_FAILED" }) as Error;
const insert = (name: string): string => `INSERT INTO effects VALUES ('${name}')`;
const undo = new Error("undo");

/** The same connection with callbacks, as it is: the types of `mysql2` say promises. */
const callbacks = (transaction: PoolConnection) => transaction.connection as unknown as CallbackConnection;

/** A pool that lends the one connection of the transaction, with callbacks. */
const poolOf = (transaction: PoolConnection): MysqlPool => ({
  getConnection: (callback) => callback(null, transaction.connection as never),
  end: (callback) => callback(null),
});

/** Writes one row in `transaction()` of a library, and undoes another in a transaction inside of it. */
const libraries: Record<string, (transaction: PoolConnection, name: string) => Promise<unknown>> = {
  "BEGIN and COMMIT": async (transaction, name) => {
    await transaction.beginTransaction();
    await transaction.execute("INSERT INTO effects VALUES (?)", [name]);
    await transaction.commit();
    await transaction.query("BEGIN");
    await transaction.query({ sql: insert("undone") });
    await transaction.rollback();
  },
  Drizzle: (transaction, name) =>
    drizzle(transaction as never).transaction(async (tx) => {
      await tx.execute(sql`INSERT INTO effects VALUES (${name})`);
      const inner = tx.transaction(async (nested) => {
        await nested.execute(sql`INSERT INTO effects VALUES ('undone')`);
        throw undo;
      });
      await expect(inner).rejects.toBe(undo);
    }),
  Kysely: async (transaction, name) => {
    const db = new Kysely<{ effects: { name: string } }>({ dialect: new MysqlDialect({ pool: poolOf(transaction) }) });
    await db.transaction().execute((trx) => trx.insertInto("effects").values({ name }).execute());
    const undone = db.transaction().execute(async (trx) => {
      await trx.insertInto("effects").values({ name: "undone" }).execute();
      throw undo;
    });
    await expect(undone).rejects.toBe(undo);
    await db.destroy();
  },
  Knex: async (transaction, name) => {
    const db = knex({ client: "mysql2" });
    await db.transaction(
      async (trx) => {
        await trx("effects").insert({ name });
        const inner = trx.transaction(async (nested) => {
          await nested("effects").insert({ name: "undone" });
          throw undo;
        });
        await expect(inner).rejects.toBe(undo);
      },
      { connection: transaction.connection },
    );
  },
};

describeWithServer("the MariaDB transaction that a handler is given", mariadbBinary, () => {
  const { create } = databases();

  const opened = async () => {
    const url = await create();
    const pool = mariadbPool(url, { connectionLimit: 3 });
    const store = mariadbStore(pool);
    await store.migrate();
    await pool.query("CREATE TABLE effects (name varchar(255) NOT NULL)");
    const effects = async () =>
      (await pool.query<RowDataPacket[]>("SELECT name FROM effects ORDER BY name"))[0].map(
        (row): unknown => row["name"],
      );
    return { store, pool, effects };
  };

  for (const [library, write] of Object.entries(libraries)) {
    test(`${library}: one key, one row, after failures and failed branches too`, async () => {
      const { store, effects } = await opened();
      const fault = new Error("out of stock");
      const failing = store.transact(operation, async (transaction) => {
        await write(transaction, "charge");
        throw fault;
      });
      await expect(failing).rejects.toBe(fault);
      const go = Promise.withResolvers<void>();
      const heard: unknown[] = [];
      let charging: Promise<unknown> | undefined;
      const branching = store.transact(
        operation,
        async (transaction) => {
          charging = go.promise.then(() => write(transaction, "charge"));
          await Promise.all([Promise.reject(fault), charging]);
          return commit;
        },
        (error) => heard.push(error),
      );
      await expect(branching).rejects.toBe(fault);
      go.resolve();
      await expect(charging).rejects.toThrow();
      expect(heard).toContainEqual(over);
      expect(await effects()).toEqual([]);
      for (const answer of ["executed", "done", "done"]) {
        const run = store.transact(operation, async (transaction) => {
          await write(transaction, "charge");
          return commit;
        });
        expect((await run).kind).toBe(answer);
      }
      expect(await effects()).toEqual(["charge"]);
    });
  }

  test.for([
    ...["COMMIT", "ROLLBACK", "SET autocommit = 1", "LOCK TABLES effects WRITE", "CREATE TABLE other (a int)"],
    ...["TRUNCATE TABLE effects", "/*! COMMIT */", "XA START 'x'"],
  ])("%s is refused before it is sent", async (text) => {
    const { store, effects } = await opened();
    await store.transact(operation, async (transaction) => {
      await transaction.query(insert("one"));
      await expect(transaction.query(text)).rejects.toThrow(refused);
      await expect(transaction.execute({ sql: text })).rejects.toThrow(refused);
      const heard = await new Promise((resolve) => void callbacks(transaction).query(text, resolve));
      expect(heard).toEqual(refused);
      return { ...commit, keep: "rollback" };
    });
    expect(await effects()).toEqual([]);
  });

  test("is dead after its end, by promises, callbacks and streams, and each late use is reported", async () => {
    const { store, effects } = await opened();
    const heard: unknown[] = [];
    let given!: PoolConnection;
    await store.transact(
      operation,
      async (transaction) => {
        given = transaction;
        await transaction.query(insert("one"));
        return commit;
      },
      (error) => heard.push(error),
    );
    await store.transactUnkeyed(async () => {
      await expect(given.query(insert("late"))).rejects.toThrow(over);
      await expect(given.execute(insert("late"))).rejects.toThrow(over);
      await expect(given.beginTransaction()).rejects.toThrow(over);
      await expect(given.ping()).rejects.toThrow(over);
      expect(await new Promise((resolve) => callbacks(given).query(insert("late"), resolve))).toEqual(over);
      const rows = callbacks(given).query(insert("late")).stream();
      await expect(rows.toArray()).rejects.toThrow(over);
      return commit;
    });
    expect(heard).toEqual(Array(6).fill(over));
    expect(await effects()).toEqual(["one"]);
  });

  test("what gives the connection back does nothing, and what would change it is refused", async () => {
    const { store, effects } = await opened();
    await store.transact(operation, async (transaction) => {
      transaction.release();
      transaction.destroy();
      await transaction.end();
      callbacks(transaction).release();
      await expect(transaction.changeUser({})).rejects.toThrow(refused);
      await expect(transaction.reset()).rejects.toThrow(refused);
      await transaction.ping();
      expect([transaction.threadId > 0, transaction.escape("it's")]).toEqual([true, "'it\\'s'"]);
      const rows = callbacks(transaction).query("SELECT 1 AS one").stream();
      expect(await rows.toArray()).toEqual([{ one: 1 }]);
      await transaction.query(insert("one"));
      return commit;
    });
    expect(await effects()).toEqual(["one"]);
  });

  test("after a deadlock nothing more is sent on it, whatever the handler does with the error", async () => {
    const { store, pool, effects } = await opened();
    await pool.query("CREATE PROCEDURE deadlock() SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213");
    const run = store.transact(operation, async (transaction) => {
      await transaction.query("CALL deadlock()").catch(() => undefined);
      await expect(transaction.query(insert("two"))).rejects.toThrow(refused);
      return commit;
    });
    await expect(run).rejects.toThrow("Nothing was executed");
    expect(await effects()).toEqual([]);
    expect((await store.transact(operation, async () => commit)).kind).toBe("executed");
  });

  for (const keep of ["commit", "answer-only", "rollback", "throw"] as const) {
    test(`a COMMIT inside of a procedure leaves the key held: ${keep}`, async () => {
      const { store, pool, effects } = await opened();
      await pool.query(`CREATE PROCEDURE charge() BEGIN ${insert("one")}; COMMIT; END`);
      const run = store.transact(operation, async (transaction) => {
        await transaction.query("CALL charge()");
        if (keep === "throw") throw new Error("fault");
        return { ...commit, keep };
      });
      await expect(run).rejects.toThrow("its key is held");
      expect(await store.transact(operation, never)).toMatchObject({ kind: "abandoned" });
      expect(await effects()).toEqual(["one"]);
      expect(await store.resolve({ ...operation, settlement: { as: "not-executed" } })).toBe(true);
      expect((await store.transact(operation, async () => commit)).kind).toBe("executed");
    });
  }

  test("and so does a ROLLBACK inside of one, since what comes after it is committed by itself", async () => {
    const { store, pool, effects } = await opened();
    await pool.query("CREATE PROCEDURE forget() ROLLBACK");
    const run = store.transact(operation, async (transaction) => {
      await transaction.query("CALL forget()");
      await transaction.query(insert("one"));
      return commit;
    });
    await expect(run).rejects.toThrow("its key is held");
    expect(await store.transact(operation, never)).toMatchObject({ kind: "abandoned" });
    expect(await effects()).toEqual(["one"]);
  });
});
