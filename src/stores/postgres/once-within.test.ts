import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePostgresJs } from "drizzle-orm/postgres-js";
import knex from "knex";
import { Kysely, PostgresDialect } from "kysely";
import postgres from "postgres";
import { describe, expect, onTestFinished, test } from "vitest";
import { databases, pgPool } from "../../../test/postgres/databases.ts";
import { describeWithServer } from "../../../test/servers/describe-with-server.ts";
import { postgresBinary } from "../../../test/servers/postgres.ts";
import {
  type CallersTransaction,
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromPg,
  fromPostgresJs,
  onceWithin,
  postgresStore,
} from "./index.ts";

const result = Uint8Array.of(0, 1, 255);
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const never = (): never => expect.fail("ran again");

/** Runs work in a transaction of the caller's own, as each library does it; what it throws rolls back. */
type Transact = <Value>(work: (transaction: CallersTransaction) => Promise<Value>) => Promise<Value>;

const libraries: Record<string, (url: string) => Transact> = {
  pg: (url) => {
    const pool = pgPool(url);
    return async (work) => {
      const client = await pool.connect();
      try {
        await client.query("BEGIN");
        const value = await work(fromPg(client));
        await client.query("COMMIT");
        return value;
      } catch (error) {
        await client.query("ROLLBACK");
        throw error;
      } finally {
        client.release();
      }
    };
  },
  postgres: (url) => {
    const sql = postgresJs(url);
    return async (work) => (await sql.begin(async (tx) => ({ value: await work(fromPostgresJs(tx)) }))).value;
  },
  Kysely: (url) => {
    const database = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool: pgPool(url) }) });
    return (work) => database.transaction().execute((trx) => work(fromKysely(trx)));
  },
  "Drizzle on pg": (url) => {
    const database = drizzlePg(pgPool(url));
    return (work) => database.transaction((tx) => work(fromDrizzle(tx)));
  },
  "Drizzle on postgres": (url) => {
    const database = drizzlePostgresJs(postgresJs(url));
    return (work) => database.transaction((tx) => work(fromDrizzle(tx)));
  },
  Knex: (url) => {
    const database = knex({ client: "pg", connection: url });
    onTestFinished(() => database.destroy());
    return (work) => database.transaction((trx) => work(fromKnex(trx)));
  },
};

function postgresJs(url: string) {
  const sql = postgres(url, { onnotice: () => undefined });
  onTestFinished(() => sql.end({ timeout: 1 }));
  return sql;
}

describeWithServer("an operation within the caller's own PostgreSQL transaction", postgresBinary, () => {
  const { create } = databases();

  const opened = async () => {
    const url = await create();
    const outside = pgPool(url);
    const store = postgresStore(outside);
    await store.migrate();
    await outside.query("CREATE TABLE effects (name text NOT NULL)");
    const effects = async () =>
      (await outside.query<{ name: string }>("SELECT name FROM effects")).rows.map(({ name }) => name);
    return { url, outside, store, effects };
  };
  const inserting = (transaction: CallersTransaction, name: string) => async (): Promise<Uint8Array> => {
    await transaction(`INSERT INTO effects VALUES ('${name}')`);
    return result;
  };

  describe.for(Object.entries(libraries))("through %s", ([, library]) => {
    test("commits with what else the transaction does, and is the same key for the store", async () => {
      const { url, store, effects } = await opened();
      const transact = library(url);
      const first = await transact(async (transaction) => {
        await transaction("INSERT INTO effects VALUES ('before')");
        const answer = await onceWithin(transaction, operation, inserting(transaction, "once"));
        expect(await effects()).toEqual([]);
        return answer;
      });
      expect(first).toEqual({ kind: "executed", value: result });
      expect(await effects()).toEqual(["before", "once"]);
      expect(await transact((transaction) => onceWithin(transaction, operation, never))).toEqual({
        kind: "done",
        result,
      });
      expect(await store.transact(operation, never)).toEqual({ kind: "done", result });
      const other = { ...operation, fingerprint: "g" };
      expect(await transact((transaction) => onceWithin(transaction, other, never))).toEqual({ kind: "mismatch" });
    });

    test("is gone when the caller rolls back, and a duplicate meanwhile is told that it runs", async () => {
      const { url, store, effects } = await opened();
      const transact = library(url);
      const fault = new Error("the caller's own");
      const rolledBack = transact(async (transaction) => {
        await onceWithin(transaction, operation, inserting(transaction, "once"));
        expect((await transact((another) => onceWithin(another, operation, never))).kind).toBe("in-progress");
        expect((await store.transact(operation, never)).kind).toBe("in-progress");
        throw fault;
      });
      await expect(rolledBack).rejects.toBe(fault);
      expect(await effects()).toEqual([]);
      const again = await transact((transaction) =>
        onceWithin(transaction, operation, inserting(transaction, "again")),
      );
      expect(again.kind).toBe("executed");
      expect(await effects()).toEqual(["again"]);
    });

    test("what its work throws undoes its writes only, and keeps no key", async () => {
      const { url, effects } = await opened();
      const transact = library(url);
      const fault = new Error("fault");
      await transact(async (transaction) => {
        await transaction("INSERT INTO effects VALUES ('before')");
        const failing = onceWithin(transaction, operation, async () => {
          await inserting(transaction, "undone")();
          throw fault;
        });
        await expect(failing).rejects.toBe(fault);
        expect((await onceWithin(transaction, operation, inserting(transaction, "once"))).kind).toBe("executed");
      });
      expect(await effects()).toEqual(["before", "once"]);
    });
  });

  test("of 30 duplicates at once, one runs", async () => {
    const { url, effects } = await opened();
    const transact = libraries["pg"]!(url);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        transact((transaction) => onceWithin(transaction, operation, inserting(transaction, `${index}`))),
      ),
    );
    expect(answers.filter(({ kind }) => kind === "executed")).toHaveLength(1);
    expect(await effects()).toHaveLength(1);
  });

  test("an expired key is new", async () => {
    const { url } = await opened();
    const transact = libraries["pg"]!(url);
    const expired = { ...operation, retentionMs: 0 };
    for (let time = 0; time < 2; time += 1) {
      const answer = await transact((transaction) => onceWithin(transaction, expired, async () => result));
      expect(answer.kind).toBe("executed");
    }
  });

  test("a connection without a transaction is refused, and its work does not run", async () => {
    const { outside } = await opened();
    await expect(onceWithin(fromPg(outside), operation, never)).rejects.toThrow("SAVEPOINT can only be used");
  });
});
