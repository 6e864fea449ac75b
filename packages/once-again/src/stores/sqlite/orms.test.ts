import { createRequire } from "node:module";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/sqlite-proxy";
import knex from "knex";
import { Kysely, type SqliteDatabase, SqliteDialect } from "kysely";
import { describe, expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import { onceWeb } from "../../frameworks/web.ts";
import { sqliteStore } from "./store.ts";

/** For Kysely and Knex: a database of better-sqlite3, with statements that say whether they have rows. */
function betterSqlite(database: DatabaseSync): SqliteDatabase {
  return {
    close: () => undefined,
    prepare: (text) => {
      const statement = database.prepare(text);
      return {
        reader: statement.columns().length > 0,
        all: (values) => statement.all(...(values as SQLInputValue[])),
        run: (values) => statement.run(...(values as SQLInputValue[])),
        iterate: (values) => statement.iterate(...(values as SQLInputValue[])) as IterableIterator<unknown>,
      };
    },
  };
}

/** The client of Knex for better-sqlite3, which is not installed. */
const BetterSqlite3Client = createRequire(import.meta.url)(
  "knex/lib/dialects/better-sqlite3/index.js",
) as typeof knex.Client;

/** Writes one row in `transaction()` of a library, and undoes another in a transaction inside of it. */
type Write = (transaction: DatabaseSync, name: string) => Promise<void>;

const undo = new Error("undo");

const libraries: Record<string, Write> = {
  "BEGIN and COMMIT": async (transaction, name) => {
    transaction.exec("BEGIN");
    transaction.prepare("INSERT INTO effects VALUES (?)").run(name);
    transaction.exec("SAVEPOINT mine; INSERT INTO effects VALUES ('undone'); ROLLBACK TO mine");
    transaction.exec("COMMIT");
  },
  Drizzle: async (transaction, name) => {
    const db = drizzle(async (text, values, method) => {
      const statement = transaction.prepare(text);
      statement.setReturnArrays(true);
      if (method !== "run") return { rows: statement.all(...(values as SQLInputValue[])) as unknown[] };
      statement.run(...(values as SQLInputValue[]));
      return { rows: [] };
    });
    await db.transaction(async (tx) => {
      await tx.run(sql`INSERT INTO effects VALUES (${name})`);
      const inner = tx.transaction(async (nested) => {
        await nested.run(sql`INSERT INTO effects VALUES ('undone')`);
        throw undo;
      });
      await expect(inner).rejects.toBe(undo);
    });
  },
  Kysely: async (transaction, name) => {
    const db = new Kysely<{ effects: { name: string } }>({
      dialect: new SqliteDialect({ database: betterSqlite(transaction) }),
    });
    await db.transaction().execute(async (trx) => {
      await trx.insertInto("effects").values({ name }).execute();
    });
    const undone = db.transaction().execute(async (trx) => {
      await trx.insertInto("effects").values({ name: "undone" }).execute();
      throw undo;
    });
    await expect(undone).rejects.toBe(undo);
    await db.destroy();
  },
  Knex: async (transaction, name) => {
    class Given extends BetterSqlite3Client {
      _driver(): undefined {}
      override async acquireRawConnection(): Promise<SqliteDatabase> {
        return betterSqlite(transaction);
      }
    }
    const db = knex({ client: Given, useNullAsDefault: true, pool: { min: 1, max: 1 }, connection: { filename: "" } });
    await db.transaction(async (trx) => {
      await trx("effects").insert({ name });
      const inner = trx.transaction(async (nested) => {
        await nested("effects").insert({ name: "undone" });
        throw undo;
      });
      await expect(inner).rejects.toBe(undo);
    });
    await db.destroy();
  },
};

describe.for(Object.entries(libraries))("%s on the transaction", ([, write]) => {
  const shop = (handler: (transaction: DatabaseSync) => Promise<Response>) => {
    const path = join(temporaryFolder(), "shop.db");
    const store = sqliteStore({ path });
    const database = new DatabaseSync(path);
    database.exec("CREATE TABLE effects (name TEXT NOT NULL) STRICT");
    onTestFinished(async () => {
      database.close();
      await store.close();
    });
    const errors: unknown[] = [];
    const once = onceWeb(
      { mode: "transactional", store, scope: "public", onError: (error) => errors.push(error) },
      (_request, { transaction }) => handler(transaction),
    );
    const send = async () =>
      (await once(new Request("http://shop.example", { method: "POST", headers: { "idempotency-key": "order-1" } })))
        .status;
    const rows = () =>
      database
        .prepare("SELECT name FROM effects")
        .all()
        .map((row) => row["name"]);
    return { send, rows, errors };
  };

  test("leaves one row, however often the request is sent", async () => {
    const { send, rows, errors } = shop(async (transaction) => {
      await write(transaction, "charge");
      return new Response(null, { status: 201 });
    });
    expect([await send(), await send(), await send()]).toEqual([201, 201, 201]);
    expect({ rows: rows(), errors }).toEqual({ rows: ["charge"], errors: [] });
  });

  test("leaves one row after a failure and a retry", async () => {
    let runs = 0;
    const { send, rows } = shop(async (transaction) => {
      await write(transaction, "charge");
      return new Response(null, { status: (runs += 1) === 1 ? 500 : 201 });
    });
    expect([await send(), rows(), await send(), await send()]).toEqual([500, [], 201, 201]);
    expect(rows()).toEqual(["charge"]);
  });

  test("leaves one row where another branch of Promise.all fails first", async () => {
    let runs = 0;
    const go = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<unknown>();
    const { send, rows, errors } = shop(async (transaction) => {
      const isFirst = (runs += 1) === 1;
      const check = async (): Promise<void> => {
        if (isFirst) throw new Error("out of stock");
      };
      const charge = async (): Promise<void> => {
        if (isFirst) await go.promise;
        await write(transaction, "charge");
      };
      const charging = charge();
      if (isFirst) charging.then(ended.resolve, ended.resolve);
      await Promise.all([check(), charging]);
      return new Response(null, { status: 201 });
    });
    expect(await send()).toBe(500);
    go.resolve();
    // Some libraries wrap what the transaction throws.
    expect(await ended.promise).toBeInstanceOf(Error);
    expect([await send(), await send()]).toEqual([201, 201]);
    expect(rows()).toEqual(["charge"]);
    expect(errors).toContainEqual(expect.objectContaining({ code: "ONCE_OPERATION_ENDED" }));
  });
});
