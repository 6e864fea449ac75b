import { PrismaPg } from "@prisma/adapter-pg";
import { sql as drizzleSql } from "drizzle-orm";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePostgresJs } from "drizzle-orm/postgres-js";
import knex from "knex";
import { Kysely, PostgresDialect, sql as kyselySql } from "kysely";
import { Pool, type PoolClient } from "pg";
import type { ReservedSql, TransactionSql } from "postgres";
import { describe, expect, test } from "vitest";
import { databases } from "../../../../../test/postgres/databases.ts";
import { storesWithEffects } from "../../../../../test/postgres/stores-with-effects.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary } from "../../../../../test/support/servers/postgres.ts";
import type { TransactionalStore } from "../store.ts";
import type { PostgresConnection } from "./client.ts";

const result = Uint8Array.of(0, 1, 255);
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const commit = { keep: "commit", result, value: "ran" } as const;

/** A transaction of an ORM's own, on what the handler was given: one name in it, others in nested ones. */
interface OrmTransaction {
  insert(name: string): Promise<unknown>;
  nested(work: (nested: OrmTransaction) => Promise<void>): Promise<unknown>;
}

type Orm<Given> = (given: Given, work: (transaction: OrmTransaction) => Promise<void>) => Promise<unknown>;

interface KyselySavepoint {
  rollbackToSavepoint(name: string): { execute(): Promise<unknown> };
  releaseSavepoint(name: string): { execute(): Promise<unknown> };
}

interface DrizzleLike {
  execute(query: unknown): PromiseLike<unknown>;
  transaction(work: (tx: DrizzleLike) => Promise<void>): Promise<unknown>;
}

const drizzleTransaction = (tx: DrizzleLike): OrmTransaction => ({
  insert: async (name) => tx.execute(drizzleSql`INSERT INTO effects VALUES (${name})`),
  nested: (work) => tx.transaction((inner) => work(drizzleTransaction(inner))),
});

const ormsOnPg: Record<string, Orm<PoolClient>> = {
  Drizzle: (given, work) =>
    drizzlePg(given).transaction((tx) => work(drizzleTransaction(tx as unknown as DrizzleLike))),
  Kysely: async (given, work) => {
    const pool = { connect: async () => given, end: async () => undefined };
    const database = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
    const trx = await database.startTransaction().execute();
    const insert = (name: string) => kyselySql`INSERT INTO effects VALUES (${name})`.execute(trx);
    const nested: OrmTransaction["nested"] = async (inner) => {
      await trx.savepoint("nested").execute();
      try {
        await inner({ insert, nested });
      } catch (error) {
        await (trx as unknown as KyselySavepoint).rollbackToSavepoint("nested").execute();
        throw error;
      }
      await (trx as unknown as KyselySavepoint).releaseSavepoint("nested").execute();
    };
    await work({ insert, nested }).catch(async (error: unknown) => {
      await trx.rollback().execute();
      throw error;
    });
    await trx.commit().execute();
  },
  Knex: (given, work) => {
    const database = knex({ client: "pg" });
    const of = (trx: typeof database): OrmTransaction => ({
      insert: async (name) => trx("effects").insert({ name }),
      nested: (inner) => trx.transaction((deeper) => inner(of(deeper))),
    });
    return database.transaction((trx) => work(of(trx)), { connection: given });
  },
  "Prisma's adapter": async (given, work) => {
    // It takes a Pool of pg, and asks it for a connection for each transaction.
    class GivenPool extends Pool {
      override connect = (async () => given) as Pool["connect"];
    }
    const adapter = await new PrismaPg(new GivenPool()).connect();
    const tx = await adapter.startTransaction();
    const run = (sql: string, args: string[] = []) =>
      tx.executeRaw({ sql, args, argTypes: args.map(() => ({ scalarType: "string", arity: "scalar" }) as const) });
    const insert = (name: string) => run("INSERT INTO effects VALUES ($1)", [name]);
    const nested: OrmTransaction["nested"] = async (inner) => {
      await tx.createSavepoint?.("nested");
      try {
        await inner({ insert, nested });
      } catch (error) {
        await tx.rollbackToSavepoint?.("nested");
        throw error;
      }
      await tx.releaseSavepoint?.("nested");
    };
    // As its client does: the adapter's own commit and rollback only give the connection back.
    await work({ insert, nested }).catch(async (error: unknown) => {
      await run("ROLLBACK");
      await tx.rollback();
      throw error;
    });
    await run("COMMIT");
    await tx.commit();
  },
};

const savepointScope = (sql: TransactionSql | ReservedSql): OrmTransaction => ({
  insert: async (name) => sql`INSERT INTO effects VALUES (${name})`,
  nested: (work) => (sql as TransactionSql).savepoint((inner) => work(savepointScope(inner))),
});

const ormsOnPostgresJs: Record<string, Orm<ReservedSql>> = {
  "postgres itself": (given, work) => given.begin((sql) => work(savepointScope(sql))),
  Drizzle: (given, work) =>
    drizzlePostgresJs(given).transaction((tx) => work(drizzleTransaction(tx as unknown as DrizzleLike))),
};

describeWithServer("an ORM on the PostgreSQL transaction that a handler is given", postgresBinary, () => {
  const { create } = databases();
  const opened = async () => storesWithEffects(await create());

  const ormCases = <Given extends PostgresConnection>(
    orm: Orm<Given>,
    storeOf: (ground: Awaited<ReturnType<typeof opened>>) => TransactionalStore<Given>,
  ): void => {
    test("can be begun again by its transaction(), as a savepoint: one key, one row", async () => {
      const ground = await opened();
      const store = storeOf(ground);
      let runs = 0;
      const run = () =>
        store.transact(operation, async (given) => {
          runs += 1;
          await orm(given, async (transaction) => {
            await transaction.insert("outer");
            await transaction.nested((nested) => nested.insert("inner").then(() => undefined));
          });
          expect(await ground.effects()).toEqual([]);
          return commit;
        });
      expect(await run()).toEqual({ kind: "executed", value: "ran" });
      expect(await run()).toEqual({ kind: "done", result });
      expect(await ground.effects()).toEqual(["inner", "outer"]);
      expect(runs).toBe(1);
    });

    test("loses what a nested one rolled back, on each level, and nothing else", async () => {
      const ground = await opened();
      const fault = new Error("fault");
      await storeOf(ground).transact(operation, async (given) => {
        await orm(given, async (transaction) => {
          await transaction.insert("stored");
          const nested = transaction.nested(async (inner) => {
            await inner.insert("undone");
            throw fault;
          });
          await expect(nested).rejects.toBe(fault);
          await transaction.insert("stored too");
        });
        const failed = orm(given, async (transaction) => {
          await transaction.insert("undone");
          throw fault;
        });
        await expect(failed).rejects.toBe(fault);
        return commit;
      });
      expect(await ground.effects()).toEqual(["stored", "stored too"]);
    });

    test("undoes all of it when the handler throws after the ORM committed", async () => {
      const ground = await opened();
      const fault = new Error("fault");
      const run = storeOf(ground).transact(operation, async (given) => {
        await orm(given, (transaction) => transaction.insert("undone").then(() => undefined));
        throw fault;
      });
      await expect(run).rejects.toBe(fault);
      expect(await ground.effects()).toEqual([]);
    });
  };

  describe.for(Object.entries(ormsOnPg))("%s on pg", ([, orm]) => {
    ormCases(orm, ({ stores }) => stores.pg);
  });
  describe.for(Object.entries(ormsOnPostgresJs))("%s on postgres", ([, orm]) => {
    ormCases(orm, ({ stores }) => stores.postgres);
  });
});
