import knex, { type Knex } from "knex";
import { Kysely, MysqlDialect, PostgresDialect } from "kysely";
import { createPool as createCallbackPool } from "mysql2";
import { Pool } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  fromKnex,
  fromKysely,
  mariadbOutbox,
  type MariadbOutboxTransaction,
} from "../../packages/once-again/src/stores/mariadb/index.ts";
import {
  fromKnex as fromPostgresKnex,
  fromKysely as fromPostgresKysely,
} from "../../packages/once-again/src/stores/postgres/index.ts";
import { databases, mariadbPool } from "../mariadb/databases.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { mariadbBinary } from "../support/servers/mariadb.ts";

// An outbox in MariaDB, and transactions that Kysely and Knex began.

const message = { topic: "orders", orderingKey: "o'7 ? :a", body: { item: "tea?" }, headers: { note: "?? ':x" } };

const kyselyOf = (url: string) => {
  const pool = createCallbackPool({ uri: url });
  const database = new Kysely<Record<string, never>>({ dialect: new MysqlDialect({ pool }) });
  onTestFinished(() => database.destroy());
  return database;
};
const knexOf = (url: string): Knex => {
  const database = knex({ client: "mysql2", connection: url });
  onTestFinished(() => database.destroy());
  return database;
};

type Work = (transaction: MariadbOutboxTransaction, run: (statement: string) => Promise<unknown>) => Promise<void>;

/** Runs work in a transaction of a library's own, and commits it unless the work throws. */
const libraries: Readonly<Record<string, (url: string, work: Work) => Promise<unknown>>> = {
  Kysely: (url, work) =>
    kyselyOf(url)
      .transaction()
      .execute((trx) => work(fromKysely(trx), (statement) => fromKysely(trx).query(statement))),
  Knex: (url, work) => knexOf(url).transaction((trx) => work(fromKnex(trx), async (statement) => trx.raw(statement))),
};

const invalid = (is: string) =>
  expect.objectContaining({ code: "ONCE_OPTION_INVALID", message: expect.stringContaining(is) as string }) as Error;

describeWithServer("messages in a transaction of others, in MariaDB", mariadbBinary, () => {
  const { create } = databases();
  const shop = async () => {
    const url = await create();
    const pool = mariadbPool(url);
    const outbox = mariadbOutbox(pool);
    await outbox.migrate();
    await pool.query("CREATE TABLE orders (id int)");
    const count = async () => {
      const [rows] = await pool.query("SELECT count(*) AS count FROM orders");
      return { orders: (rows as { count: number }[])[0]!.count, messages: (await outbox.backlog()).messages };
    };
    return { url, outbox, count };
  };

  describe.for(Object.entries(libraries))("%s", ([, transact]) => {
    test("commit with it, whole, and are gone with it", async () => {
      const { url, outbox, count } = await shop();
      const failed = new Error("changed its mind");
      const lost = transact(url, async (transaction, run) => {
        await run("INSERT INTO orders VALUES (1)");
        await outbox.add(transaction, message);
        throw failed;
      });
      await expect(lost).rejects.toBe(failed);
      expect(await count()).toEqual({ orders: 0, messages: 0 });
      await transact(url, async (transaction, run) => {
        await run("INSERT INTO orders VALUES (2)");
        await outbox.add(transaction, message);
        expect((await outbox.backlog()).messages).toBe(0);
      });
      expect(await count()).toEqual({ orders: 1, messages: 1 });
      const { batches } = await outbox.claim({ owner: "one", leaseMs: 1000, limit: 10, messagesPerKey: 10 });
      const [claimed] = batches[0]!.messages;
      expect(claimed).toMatchObject({ topic: "orders", orderingKey: "o'7 ? :a", headers: { note: "?? ':x" } });
      expect(new TextDecoder().decode(claimed!.body)).toBe('{"item":"tea?"}');
    });

    test("are refused when it has ended, and nothing is written", async () => {
      const { url, outbox } = await shop();
      let ended: MariadbOutboxTransaction;
      await transact(url, async (transaction) => void (ended = transaction));
      await expect(outbox.add(ended!, message)).rejects.toThrow();
      expect((await outbox.backlog()).messages).toBe(0);
    });

    test("of an outbox without its tables say what to run", async () => {
      const url = await create();
      const outbox = mariadbOutbox(mariadbPool(url));
      const added = transact(url, async (transaction) => void (await outbox.add(transaction, message)));
      await expect(added).rejects.toThrow("migrate()");
    });
  });

  test("a transaction that is over is said to be, where its library knows", async () => {
    const { url, outbox } = await shop();
    const trx = await knexOf(url).transaction();
    const given = fromKnex(trx);
    await trx.commit();
    await expect(outbox.add(given, message)).rejects.toThrow(invalid("has ended"));
    expect(() => fromKnex(trx)).toThrow(invalid("has ended"));
    const controlled = await kyselyOf(url).startTransaction().execute();
    await controlled.rollback().execute();
    expect(() => fromKysely(controlled)).toThrow(invalid("has ended"));
  });

  test("one that is given as it is, is refused with the function that makes it fit", async () => {
    const { url, outbox } = await shop();
    await knexOf(url).transaction(async (trx) => {
      await expect(outbox.add(trx as never, message)).rejects.toThrow(invalid("fromKnex(transaction)"));
      // It speaks MySQL, and an outbox in PostgreSQL says so before it sends anything.
      expect(() => fromPostgresKnex(trx)).toThrow(invalid("another database (mysql)"));
    });
    await kyselyOf(url)
      .transaction()
      .execute(async (trx) => {
        await expect(outbox.add(trx as never, message)).rejects.toThrow(invalid("fromKysely(transaction)"));
        expect(() => fromPostgresKysely(trx)).toThrow(invalid("another database"));
      });
  });

  test("what is no transaction, or of another database, is refused", async () => {
    const { url } = await shop();
    const postgres = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool: new Pool() }) });
    const onPostgres = {
      isTransaction: true,
      executeQuery: () => undefined,
      getExecutor: () => postgres.getExecutor(),
    };
    for (const [made, is] of [
      [() => fromKysely(kyselyOf(url)), "the db"],
      [() => fromKysely(onPostgres as never), "another database"],
      [() => fromKysely(null as never), "null"],
      [() => fromKysely({} as never), "object"],
      [() => fromKnex(knexOf(url)), "knex itself"],
      [
        () => fromKnex({ raw: () => undefined, isTransaction: true, client: { dialect: "sqlite3" } } as never),
        "sqlite3",
      ],
      [() => fromKnex(undefined as never), "undefined"],
      [() => fromKnex("trx" as never), "string"],
    ] as const) {
      expect(made).toThrow(invalid(is));
    }
  });
});
