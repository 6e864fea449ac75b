import { type PoolClient, Query } from "pg";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import type { ReservedSql } from "postgres";
import { describe, expect, test } from "vitest";
import { databases, execute } from "../../../../../test/postgres/databases.ts";
import { storesWithEffects } from "../../../../../test/postgres/stores-with-effects.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary } from "../../../../../test/support/servers/postgres.ts";
import type { TransactionalStore, TransactionEnding } from "../store.ts";
import type { PostgresConnection } from "./client.ts";

const result = Uint8Array.of(0, 1, 255);
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const commit = { keep: "commit", result, value: "ran" } as const;
const coded = (code: string) => expect.objectContaining({ code }) as Error;
const ended = coded("ONCE_OPERATION_ENDED");
const refused = coded("ONCE_HANDLER_FAILED");

describeWithServer("the PostgreSQL transaction that a handler is given", postgresBinary, () => {
  const { create } = databases();
  const opened = async () => storesWithEffects(await create());

  describe.for(["pg", "postgres"] as const)("of %s", (driver) => {
    const ground = async () => {
      const all = await opened();
      return { ...all, store: all.stores[driver] as unknown as TransactionalStore<PostgresConnection> };
    };
    const insert = (given: PostgresConnection, name: string) =>
      execute(given, `INSERT INTO effects VALUES ('${name}')`);

    test("is of no use after the work: a branch of Promise.all that goes on is refused, and a retry leaves one row", async () => {
      const { store, effects } = await ground();
      const late: Error[] = [];
      const go = Promise.withResolvers<void>();
      const outOfStock = new Error("out of stock");
      let charging: Promise<unknown> | undefined;
      const charge = async (given: PostgresConnection) => {
        await go.promise;
        return insert(given, "late");
      };
      const failing = store.transact(
        operation,
        async (given): Promise<TransactionEnding<string>> => {
          charging = charge(given);
          await Promise.all([Promise.reject(outOfStock), charging]);
          return commit;
        },
        (error) => late.push(error),
      );
      await expect(failing).rejects.toBe(outOfStock);
      go.resolve();
      await expect(charging).rejects.toThrow(ended);
      expect(late).toEqual([ended]);
      const retry = await store.transact(operation, async (given) => {
        await insert(given, "retry");
        return commit;
      });
      expect(retry.kind).toBe("executed");
      expect(await effects()).toEqual(["retry"]);
    });

    test("is of no use after a commit, a step, or work without a key either", async () => {
      const { store, effects } = await ground();
      const step = { scope: "acme", key: "stepped", owner: "me" };
      await store.claim({ ...step, fingerprint: "f", leaseMs: 60_000, retentionMs: 60_000 });
      const late: Error[] = [];
      const given: PostgresConnection[] = [];
      const note = (error: Error): void => void late.push(error);
      await store.transact(operation, async (transaction) => (given.push(transaction), commit), note);
      await store.transactUnkeyed(async (transaction) => (given.push(transaction), commit), note);
      await store.transactStep({ ...step, step: "s" }, async (transaction) => (given.push(transaction), result), note);
      for (const transaction of given) await expect(insert(transaction, "late")).rejects.toThrow(ended);
      expect(late).toEqual([ended, ended, ended]);
      expect(await effects()).toEqual([]);
    });

    test("takes what was sent before the end with it when it is rolled back, awaited or not", async () => {
      const { store, effects } = await ground();
      let sent: Promise<unknown> | undefined;
      const fault = new Error("fault");
      const failing = store.transact(operation, async (given) => {
        sent = insert(given, "sent");
        // It is on its way.
        await Promise.resolve();
        await Promise.resolve();
        throw fault;
      });
      await expect(failing).rejects.toBe(fault);
      await sent?.catch(() => undefined);
      expect(await effects()).toEqual([]);
    });

    test.for(["COMMIT", "END", "ROLLBACK", "SELECT 1; COMMIT", "COMMIT AND CHAIN", "PREPARE TRANSACTION 'mine'"])(
      "refuses %s before it is sent, and can go on",
      async (statement) => {
        const { store, effects } = await ground();
        const answer = await store.transact(operation, async (given) => {
          await insert(given, "one");
          await expect(execute(given, statement)).rejects.toThrow(refused);
          await insert(given, "two");
          return commit;
        });
        expect(answer.kind).toBe("executed");
        expect(await effects()).toEqual(["one", "two"]);
      },
    );

    test("refuses a nested transaction of another isolation, and takes one of the same", async () => {
      const { store } = await ground();
      await store.transact(operation, async (given) => {
        await expect(execute(given, "BEGIN ISOLATION LEVEL SERIALIZABLE")).rejects.toThrow("option `isolation`");
        await execute(given, "BEGIN ISOLATION LEVEL READ COMMITTED; COMMIT");
        return commit;
      });
    });
  });

  test("of pg looks like a PoolClient; its release and end do nothing", async () => {
    const { pool, stores, effects } = await opened();
    const lent: PoolClient[] = [];
    pool.on("acquire", (client) => lent.push(client));
    await stores.pg.transact(operation, async (client) => {
      const heard: unknown[] = [];
      client.on("notice", (notice) => heard.push(notice.message));
      client.once("notice", () => heard.push("once"));
      client.release();
      expect(await client.connect()).toBe(client);
      expect(client.escapeIdentifier('a"b')).toBe('"a""b"');
      expect((client as { processID?: unknown }).processID).toBeTypeOf("number");
      const called = Promise.withResolvers<unknown>();
      client.query("INSERT INTO effects VALUES ($1)", ["callback"], (error, answer) => called.resolve(error ?? answer));
      expect(await called.promise).toMatchObject({ rowCount: 1 });
      await client.query({ name: "named", text: "INSERT INTO effects VALUES ($1)", values: ["named"] });
      await client.query("DO $$ BEGIN RAISE NOTICE 'hello'; END $$");
      expect(heard).toEqual(["hello", "once"]);
      const cursor = client.query(new Cursor("SELECT * FROM effects ORDER BY name"));
      expect(await cursor.read(10)).toEqual([{ name: "callback" }, { name: "named" }]);
      await cursor.close();
      const streamed: unknown[] = [];
      for await (const row of client.query(new QueryStream("SELECT name FROM effects"))) streamed.push(row);
      expect(streamed).toHaveLength(2);
      return commit;
    });
    expect(await effects()).toEqual(["callback", "named"]);
    // A listener would hear what the connection does for others.
    expect(lent[0]?.listenerCount("notice")).toBe(0);
  });

  test("of pg refuses in each way in which it can be asked", async () => {
    const { stores } = await opened();
    const late: Error[] = [];
    let client: PoolClient | undefined;
    await stores.pg.transact(
      operation,
      async (given) => ((client = given), commit),
      (error) => late.push(error),
    );
    const given = client!;
    const callback = Promise.withResolvers<Error>();
    given.query("SELECT 1", (error) => callback.resolve(error));
    expect(await callback.promise).toEqual(ended);
    const inConfig = Promise.withResolvers<unknown>();
    (given.query as (config: unknown) => void)({ text: "SELECT 1", callback: inConfig.resolve });
    expect(await inConfig.promise).toEqual(ended);
    await expect(given.query(new Cursor("SELECT 1")).read(1)).rejects.toThrow(ended);
    await expect(given.query(new QueryStream("SELECT 1")).toArray()).rejects.toThrow(ended);
    const query = new Query("SELECT 1", [], undefined as never);
    given.query(query);
    await new Promise(setImmediate);
    expect(late).toEqual([ended, ended, ended, ended, ended]);
  });

  test("of postgres looks like an sql; its release and end do nothing", async () => {
    const { stores, effects } = await opened();
    await stores.postgres.transact(operation, async (sql) => {
      sql.release();
      const names = sql(["one", "two"].map((name) => ({ name })));
      await sql`INSERT INTO effects ${names}`;
      const where = sql`WHERE name = ${"one"}`;
      expect(await sql`SELECT ${sql("name")} FROM effects ${where}`).toEqual([{ name: "one" }]);
      expect(await sql`SELECT ${sql.json({ a: 1 })} AS json, ${sql.array(["a", "b"])} AS list`).toEqual([
        { json: { a: 1 }, list: ["a", "b"] },
      ]);
      const rows: unknown[] = [];
      for await (const [row] of sql`SELECT name FROM effects ORDER BY name`.cursor(1)) rows.push(row);
      expect(rows).toEqual([{ name: "one" }, { name: "two" }]);
      await expect(sql`${sql`COMMIT`}`).rejects.toThrow(refused);
      await sql`BEGIN`;
      await sql`INSERT INTO effects VALUES ('undone')`;
      await Promise.all([sql`ROLLBACK`, sql`BEGIN`, sql`INSERT INTO effects VALUES ('three')`, sql`COMMIT`]);
      return commit;
    });
    expect(await effects()).toEqual(["one", "three", "two"]);
  });

  test("of postgres refuses a query that was made before the end and is sent after it", async () => {
    const { stores, effects } = await opened();
    const late: Error[] = [];
    const made: { query?: PromiseLike<unknown>; sql?: ReservedSql } = {};
    await stores.postgres.transact(
      operation,
      async (sql) => {
        made.sql = sql;
        made.query = sql`INSERT INTO effects VALUES ('late')`;
        return commit;
      },
      (error) => late.push(error),
    );
    await expect(made.query).rejects.toThrow(ended);
    await expect(made.sql!.begin((sql) => sql`INSERT INTO effects VALUES ('late')`)).rejects.toThrow(ended);
    expect(late).toEqual([ended, ended]);
    expect(await effects()).toEqual([]);
  });

  test.for(["returns", "throws", "asks for a rollback"] as const)(
    "that was committed all the same leaves its key held when the work %s, and is never run again",
    async (how) => {
      const { pool, stores, effects } = await opened();
      // A statement that was prepared under a name before can be run by its name alone.
      const connections = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
      for (const client of connections) await client.query({ name: "finish", text: "COMMIT" });
      for (const client of connections) client.release();
      const fault = new Error("fault");
      const run = stores.pg.transact(operation, async (client) => {
        await client.query("INSERT INTO effects VALUES ('one')");
        await client.query({ name: "finish" } as unknown as { text: string });
        await client.query("INSERT INTO effects VALUES ('two')");
        if (how === "throws") throw fault;
        return { ...commit, keep: how === "returns" ? "commit" : "rollback" };
      });
      await expect(run).rejects.toThrow("its key is held");
      expect(await effects()).toEqual(["one", "two"]);
      const again = await stores.pg.transact(operation, () => expect.fail("ran again"));
      expect(again.kind).toBe("abandoned");
      expect((await stores.pg.inspect(operation))?.state).toBe("abandoned");
    },
  );

  test("that went on after a failed statement is rolled back, and its key is free", async () => {
    const { stores, effects } = await opened();
    const run = stores.pg.transact(operation, async (client) => {
      await client.query("INSERT INTO effects VALUES ('one')");
      await client.query("SELECT nonsense").catch(() => undefined);
      return commit;
    });
    await expect(run).rejects.toThrow("went on after one of its statements had failed");
    expect(await effects()).toEqual([]);
    expect(await stores.pg.inspect(operation)).toBeUndefined();
  });
});
