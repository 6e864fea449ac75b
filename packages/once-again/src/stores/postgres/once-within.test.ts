import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePostgresJs } from "drizzle-orm/postgres-js";
import knex from "knex";
import { Kysely, PostgresDialect } from "kysely";
import postgres from "postgres";
import { describe, expect, onTestFinished, test } from "vitest";
import { databases, pgPool } from "../../../../../test/postgres/databases.ts";
import { orms } from "../../../../../test/postgres/orms/index.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary } from "../../../../../test/support/servers/postgres.ts";
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
  ...Object.fromEntries(
    Object.entries(orms).map(([name, connect]) => [
      name,
      (url: string): Transact => {
        const connected = connect(url);
        return async (work) => {
          const { transact, transactions } = await connected;
          return transact((transaction) => work(transactions.from(transaction)));
        };
      },
    ]),
  ),
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

    test("is gone when the caller rolls back, and a duplicate meanwhile learns that it runs", async () => {
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
    const client = await outside.connect();
    await expect(onceWithin(fromPg(client), operation, never)).rejects.toThrow("SAVEPOINT can only be used");
    client.release();
  });

  describe("with work that ends the transaction", () => {
    const endings: Record<string, readonly string[]> = {
      "by COMMIT": ["COMMIT"],
      "by COMMIT and BEGIN": ["COMMIT", "BEGIN"],
      "by ROLLBACK": ["ROLLBACK"],
    };
    test.for(Object.entries(endings))("%s is held, and not run again", async ([, statements]) => {
      for (const how of ["returns", "throws"] as const) {
        const { url, store, effects } = await opened();
        const run = libraries["pg"]!(url)((transaction) =>
          onceWithin(transaction, operation, async () => {
            await inserting(transaction, "before")();
            for (const statement of statements) await transaction(statement);
            if (how === "throws") throw new Error("fault");
            return result;
          }),
        );
        await expect(run).rejects.toThrow("its key is held");
        expect(await effects()).toEqual(statements.includes("COMMIT") ? ["before"] : []);
        expect((await store.transact(operation, never)).kind).toBe("abandoned");
        const again = await libraries["pg"]!(url)((transaction) => onceWithin(transaction, operation, never));
        expect(again.kind).toBe("abandoned");
      }
    });
  });

  test("two at once on one transaction are refused, one inside the other and one after the other are not", async () => {
    const { url, effects } = await opened();
    const [inner, second] = [
      { ...operation, key: "inner" },
      { ...operation, key: "second" },
    ];
    await libraries["pg"]!(url)(async (transaction) => {
      const answer = await onceWithin(transaction, operation, async () => {
        await onceWithin(transaction, inner, inserting(transaction, "inner"));
        return inserting(transaction, "outer")();
      });
      expect(answer.kind).toBe("executed");
      const [first, other] = await Promise.allSettled([
        onceWithin(transaction, second, inserting(transaction, "second")),
        onceWithin(transaction, { ...operation, key: "third" }, never),
      ]);
      expect(first.status).toBe("fulfilled");
      expect(other).toMatchObject({ status: "rejected", reason: { code: "ONCE_HANDLER_FAILED" } });
    });
    expect(await effects()).toHaveLength(3);
  });

  test("what is no transaction is refused where that can be seen", async () => {
    const url = await create();
    const pool = pgPool(url);
    const invalid = expect.objectContaining({ code: "ONCE_OPTION_INVALID" }) as Error;
    const knexItself = knex({ client: "pg" });
    for (const made of [
      () => fromPg(pool),
      () => fromPostgresJs(postgresJs(url)),
      () => fromKysely(new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) })),
      () => fromDrizzle(drizzlePg(pool)),
      () => fromKnex(knexItself),
    ]) {
      expect(made).toThrow(invalid);
    }
  });

  test("without its tables, an operation says what to run", async () => {
    const transact = libraries["pg"]!(await create());
    await expect(transact((transaction) => onceWithin(transaction, operation, never))).rejects.toThrow(
      "store.migrate()",
    );
  });

  test("the transaction that a handler is given will do as well", async () => {
    const { store, effects } = await opened();
    const inner = { ...operation, key: "inner" };
    await store.transact(operation, async (given) => {
      const transaction = fromPg(given);
      await onceWithin(transaction, inner, inserting(transaction, "inner"));
      return { keep: "commit", result, value: undefined };
    });
    expect(await effects()).toEqual(["inner"]);
    expect((await store.transact(inner, never)).kind).toBe("done");
  });
});
