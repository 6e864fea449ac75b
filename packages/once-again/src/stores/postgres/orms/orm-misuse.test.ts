import type { Socket } from "node:net";
import { DataSource, EntitySchema, EventSubscriber } from "typeorm";
import { defineEntity, MikroORM, p } from "@mikro-orm/postgresql";
import { DataTypes, Sequelize } from "sequelize";
import { expect, onTestFinished, test } from "vitest";
import { databases, pgPool } from "../../../../../../test/postgres/databases.ts";
import { cutProxy } from "../../../../../../test/support/servers/cut-proxy.ts";
import { describeWithServer } from "../../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary } from "../../../../../../test/support/servers/postgres.ts";
import { OnceAgainError } from "../../../core/errors.ts";
import {
  fromMikroOrm,
  fromSequelize,
  fromTypeOrm,
  mikroOrmTransactions,
  postgresOutbox,
  postgresStore,
  sequelizeTransactions,
  typeOrmTransactions,
} from "../index.ts";

const result = Uint8Array.of(0, 1, 255);
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const commit = { keep: "commit", result, value: "ran" } as const;
const overdue = new OnceAgainError("ONCE_HANDLER_TIMEOUT", "The work was given up, and goes on.");
const refused = expect.objectContaining({ code: "ONCE_HANDLER_FAILED" }) as Error;
const invalid = (text: string) =>
  expect.objectContaining({ code: "ONCE_OPTION_INVALID", message: expect.stringContaining(text) as string }) as Error;

/** A function as JavaScript without types calls it. */
const loosely = (call: unknown) => call as (...given: unknown[]) => unknown;

describeWithServer("a transaction that is", postgresBinary, () => {
  const { server, create } = databases();
  const opened = async () => {
    const url = await create();
    const pool = pgPool(url);
    await pool.query("CREATE TABLE charges (id serial PRIMARY KEY, amount integer NOT NULL)");
    await postgresStore(pool).migrate();
    const outbox = postgresOutbox(pool);
    await outbox.migrate();
    const amounts = async () =>
      (await pool.query<{ amount: number }>("SELECT amount FROM charges ORDER BY 1")).rows.map(({ amount }) => amount);
    return { url, pool, outbox, amounts };
  };

  test("TypeORM's does not end before a statement that a subscriber holds back", async () => {
    const { url, pool, amounts } = await opened();
    const [held, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    class HoldsBack {
      async beforeQuery({ query }: { query: string }): Promise<void> {
        if (!query.includes("charges")) return;
        held.resolve();
        await go.promise;
      }
    }
    EventSubscriber()(HoldsBack);
    const source = await new DataSource({ type: "postgres", url, poolSize: 1, subscribers: [HoldsBack] }).initialize();
    onTestFinished(() => source.destroy());
    const store = postgresStore(pool, { transactions: typeOrmTransactions(source) });
    let late: Promise<unknown> | undefined;
    const asked = store.transactUnkeyed(async (manager) => {
      late = manager.query("INSERT INTO charges (amount) VALUES (7)").catch(() => undefined);
      await held.promise;
      throw overdue;
    });
    await expect(asked).rejects.toBe(overdue);
    // Its only connection.
    const users = source.query("SELECT 1");
    await Promise.race([users, new Promise((resolve) => setTimeout(resolve, 300))]);
    go.resolve();
    await Promise.all([users, late]);
    expect(await amounts()).toEqual([]);
  });

  test("TypeORM's sends no ROLLBACK behind a COMMIT that was answered late", async () => {
    await using proxy = await cutProxy(server().port);
    const { url, pool, amounts } = await opened();
    const go = Promise.withResolvers<void>();
    class HoldsRollbacks {
      beforeQuery({ query }: { query: string }): Promise<void> | undefined {
        return query === "ROLLBACK" ? go.promise : undefined;
      }
    }
    EventSubscriber()(HoldsRollbacks);
    const through = url.replace(/:\d+\//, `:${proxy.port}/`);
    const pooled = { url: through, poolSize: 1 };
    const source = await new DataSource({ type: "postgres", ...pooled, subscribers: [HoldsRollbacks] }).initialize();
    onTestFinished(() => source.destroy());
    const store = postgresStore(pool, { busyMsMax: 2000, transactions: typeOrmTransactions(source) });
    // An ORM takes long to begin for the first time.
    await store.transactUnkeyed(async () => commit).catch(() => undefined);
    const answers: Socket[] = [];
    const asked = store.transactUnkeyed(async (manager) => {
      await manager.query("INSERT INTO charges (amount) VALUES (1)");
      proxy.onNextQuestion("COMMIT", (answering) => void answers.push(answering.pause()));
      return commit;
    });
    await expect(asked).rejects.toThrow("no answer came to a COMMIT");
    answers[0]!.resume();
    await source.transaction(async (manager) => {
      await manager.query("INSERT INTO charges (amount) VALUES (2)");
      go.resolve();
      // Each is a turn in which the other transaction goes on.
      for (let turn = 0; turn < 50; turn += 1) await manager.query("SELECT 1");
    });
    expect(await amounts()).toEqual([1, 2]);
  });

  test("MikroORM's is rolled back where a subscriber of the rollback throws", async () => {
    const { url, pool, amounts } = await opened();
    const charge = defineEntity({ name: "Charge", tableName: "charges", properties: { id: p.integer().primary() } });
    const orm = new MikroORM({
      ...{ clientUrl: url, entities: [charge], pool: { max: 1 }, debug: false },
      subscribers: [{ beforeTransactionRollback: () => Promise.reject(new Error("the subscriber's")) }],
    });
    onTestFinished(() => orm.close());
    const store = postgresStore(pool, { transactions: mikroOrmTransactions(orm) });
    const fault = new Error("fault");
    const asked = store.transactUnkeyed(async (em) => {
      await em.execute("INSERT INTO charges (amount) VALUES (1)");
      throw fault;
    });
    await expect(asked).rejects.toBe(fault);
    // Its only connection.
    await orm.em.fork().execute("INSERT INTO charges (amount) VALUES (2)");
    expect(await amounts()).toEqual([2]);
  });

  test("TypeORM's commits with its own methods refused, and the wrong things are refused by name", async () => {
    const { url, pool, outbox, amounts } = await opened();
    const charges = new EntitySchema<{ id: number; amount: number }>({
      name: "charges",
      columns: { id: { type: "int", primary: true, generated: true }, amount: { type: "int" } },
    });
    const source = await new DataSource({ type: "postgres", url, entities: [charges] }).initialize();
    onTestFinished(() => source.destroy());
    const store = postgresStore(pool, { transactions: typeOrmTransactions(source) });
    await store.transact(operation, async (manager) => {
      await manager.save(charges, [{ amount: 1 }, { amount: 2 }]);
      await expect(manager.queryRunner!.commitTransaction()).rejects.toThrow(refused);
      await expect(manager.queryRunner!.rollbackTransaction()).rejects.toThrow(refused);
      await manager.queryRunner!.release();
      expect(await manager.getRepository(charges).count()).toBe(2);
      await expect(outbox.add(manager as never, { topic: "t", body: "b" })).rejects.toThrow(invalid("fromTypeOrm("));
      return commit;
    });
    expect(await amounts()).toEqual([1, 2]);
    expect(() => fromTypeOrm(source.manager)).toThrow(invalid("that of the DataSource"));
    expect(() => loosely(fromTypeOrm)(source)).toThrow(invalid("the DataSource itself"));
    expect(() => loosely(typeOrmTransactions)(source.manager)).toThrow(invalid("a DataSource of TypeORM"));
    const mysql = new DataSource({ type: "mysql", url: "mysql://127.0.0.1/shop" });
    expect(() => typeOrmTransactions(mysql)).toThrow(invalid("type postgres"));
  });

  test("Sequelize's commits with its own methods refused, and the wrong things are refused by name", async () => {
    const { url, pool, outbox, amounts } = await opened();
    const sequelize = new Sequelize(url, { logging: false });
    onTestFinished(() => sequelize.close());
    const charges = sequelize.define("charges", { amount: DataTypes.INTEGER }, { timestamps: false });
    const store = postgresStore(pool, { transactions: sequelizeTransactions(sequelize) });
    const hooks: string[] = [];
    await store.transact(operation, async (transaction) => {
      transaction.afterCommit(() => void hooks.push("after commit"));
      await charges.create({ amount: 1 }, { transaction });
      await charges.findOrCreate({ where: { amount: 2 }, transaction });
      await expect(transaction.commit()).rejects.toThrow(refused);
      await expect(transaction.rollback()).rejects.toThrow(refused);
      await expect(outbox.add(transaction as never, { topic: "t", body: "b" })).rejects.toThrow(
        invalid("fromSequelize("),
      );
      expect(hooks).toEqual([]);
      return commit;
    });
    expect(hooks).toEqual(["after commit"]);
    expect(await amounts()).toEqual([1, 2]);
    expect(() => loosely(fromSequelize)(sequelize)).toThrow(invalid("the sequelize itself"));
    const ended = await sequelize.transaction();
    await ended.commit();
    expect(() => fromSequelize(ended)).toThrow(invalid("an open transaction"));
    expect(() => loosely(sequelizeTransactions)(pool)).toThrow(invalid("an instance of Sequelize"));
  });

  test("MikroORM's flushes what was not flushed, only with a commit, and the wrong things are refused by name", async () => {
    const { url, pool, outbox, amounts } = await opened();
    const Charge = defineEntity({
      name: "Charge",
      tableName: "charges",
      properties: { id: p.integer().primary(), amount: p.integer() },
    });
    const orm = await MikroORM.init({ clientUrl: url, entities: [Charge] });
    onTestFinished(() => orm.close());
    const store = postgresStore(pool, { transactions: mikroOrmTransactions(orm) });
    await store.transact({ ...operation, key: "refused" }, async (em) => {
      em.create(Charge, { amount: 7 });
      return { ...commit, keep: "answer-only" };
    });
    expect(await amounts()).toEqual([]);
    await store.transact(operation, async (em) => {
      em.create(Charge, { amount: 1 });
      await expect(em.commit()).rejects.toThrow(refused);
      await expect(em.rollback()).rejects.toThrow(refused);
      await expect(em.begin()).rejects.toThrow(refused);
      await expect(outbox.add(em as never, { topic: "t", body: "b" })).rejects.toThrow(invalid("fromMikroOrm("));
      return commit;
    });
    expect(await amounts()).toEqual([1]);
    expect(() => fromMikroOrm(orm.em.fork())).toThrow(invalid("an open transaction"));
    expect(() => loosely(fromMikroOrm)(orm)).toThrow(invalid("the em that orm.em.transactional"));
    expect(() => loosely(mikroOrmTransactions)(pool)).toThrow(invalid("an instance of MikroORM"));
  });
});
