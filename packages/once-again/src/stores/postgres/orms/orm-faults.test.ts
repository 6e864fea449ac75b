import { describe, expect, onTestFinished, test } from "vitest";
import { databases, pgPool } from "../../../../../../test/postgres/databases.ts";
import { orms } from "../../../../../../test/postgres/orms/index.ts";
import { loseBeforeCommit } from "../../../../../../test/support/lost-connections.ts";
import { cutProxy } from "../../../../../../test/support/servers/cut-proxy.ts";
import { describeWithServer } from "../../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary } from "../../../../../../test/support/servers/postgres.ts";
import { postgresOutbox, postgresStore } from "../index.ts";
import type { PostgresStoreOptions } from "../store.ts";

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const commit = { keep: "commit", result: everyByte, value: "ran" } as const;
const never = (): never => expect.fail("ran again");
const coded = (code: string) => expect.objectContaining({ code }) as Error;
const insert = (name: string): string => `INSERT INTO effects VALUES ('${name}', 0)`;

interface Opening extends PostgresStoreOptions {
  connectionsMax?: number;
  /** The port by which the ORM is connected. */
  port?: number;
}

describeWithServer("the transactions of an ORM, and their faults", postgresBinary, () => {
  const { server, create } = databases();

  describe.for(Object.entries(orms))("of %s", ([, connect]) => {
    const opened = async ({ connectionsMax = 5, port, ...options }: Opening = {}) => {
      const url = await create();
      const orm = await connect(port === undefined ? url : url.replace(/:\d+\//, `:${port}/`), { connectionsMax });
      const pool = pgPool(url, { max: 3 });
      const store = postgresStore(pool, { transactions: orm.transactions, ...options });
      await store.migrate();
      const outside = pgPool(url, { max: 2 });
      await outside.query("CREATE TABLE effects (name text PRIMARY KEY, count integer)");
      const effects = async () =>
        (await outside.query<{ name: string }>("SELECT name FROM effects ORDER BY name")).rows.map(({ name }) => name);
      return { ...orm, url, pool, store, outside, effects };
    };

    test("stores every byte, and hands it out again", async () => {
      const { store, execute } = await opened();
      const keys = ["?", "$1", ":name", "??", "\\?", "'", '"', "a;b", "é\u0000", "${x}", "@p0", "/*", "--"];
      for (const key of keys) {
        const named = { ...operation, scope: `${key} of acme`, key };
        await store.transact(named, async (transaction) => {
          await execute(transaction, insert(`${keys.indexOf(key)}`));
          return commit;
        });
        expect(await store.transact(named, never)).toEqual({ kind: "done", result: everyByte });
      }
      expect((await store.list({})).map(({ key }) => key).toSorted()).toEqual(keys.toSorted());
    });

    test("an outbox takes messages in them, with every byte, and loses those of one that is rolled back", async () => {
      const { pool, store, transactions, effects } = await opened();
      const outbox = postgresOutbox(pool);
      await outbox.migrate();
      await store.transact(operation, async (transaction) => {
        const message = { topic: "orders", orderingKey: "?$1:a", headers: { a: "?" }, body: everyByte };
        await outbox.add(transactions.from(transaction), message);
        return commit;
      });
      const refused = store.transact({ ...operation, key: "other" }, async (transaction) => {
        await outbox.add(transactions.from(transaction), { topic: "orders", body: everyByte });
        throw new Error("fault");
      });
      await expect(refused).rejects.toThrow("fault");
      const { batches } = await outbox.claim({ owner: "me", leaseMs: 60_000, limit: 10, messagesPerKey: 10 });
      expect(batches.flatMap(({ messages }) => messages)).toMatchObject([{ orderingKey: "?$1:a", body: everyByte }]);
      expect(await effects()).toEqual([]);
    });

    test.for(["thrown", "reported"] as const)("a conflict, %s, runs the handler again", async (how) => {
      const { store, outside, execute } = await opened({ isolation: "serializable" });
      await outside.query(insert("counter"));
      let runs = 0;
      const answer = await store.transact(operation, async (transaction) => {
        try {
          runs += 1;
          await execute(transaction, "SELECT count FROM effects");
          if (runs === 1) await outside.query("UPDATE effects SET count = count + 1");
          await execute(transaction, "UPDATE effects SET count = count + 1");
          return commit;
        } catch (cause) {
          if (how === "thrown") throw cause;
          return { ...commit, keep: "rollback", cause };
        }
      });
      expect(answer.kind).toBe("executed");
      expect(runs).toBe(2);
      expect((await outside.query("SELECT count FROM effects")).rows).toEqual([{ count: 2 }]);
    });

    test("a deadlock runs one of the two handlers again", async () => {
      const { store, outside, execute } = await opened();
      await outside.query(`${insert("a")}; ${insert("b")}`);
      const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
      let runs = 0;
      const ended: Promise<unknown>[] = [];
      const lock = async (own: 0 | 1) => {
        const other = own === 0 ? 1 : 0;
        let isFirst = true;
        return store.transact({ ...operation, key: `${own}` }, async (transaction) => {
          runs += 1;
          // The other has the locks of the one that was rolled back.
          if (!isFirst) await ended[other];
          isFirst = false;
          const names = own === 0 ? ["a", "b"] : ["b", "a"];
          await execute(transaction, `UPDATE effects SET count = count + 1 WHERE name = '${names[0]}'`);
          both[own].resolve();
          await both[other].promise;
          await execute(transaction, `UPDATE effects SET count = count + 1 WHERE name = '${names[1]}'`);
          return commit;
        });
      };
      ended.push(lock(0), lock(1));
      const answers = await Promise.all(ended);
      expect(answers).toEqual([
        { kind: "executed", value: "ran" },
        { kind: "executed", value: "ran" },
      ]);
      expect(runs).toBe(3);
      expect((await outside.query("SELECT count FROM effects")).rows).toEqual([{ count: 2 }, { count: 2 }]);
    });

    test.for(["read committed", "serializable"] as const)("of 20 duplicates under %s, one runs", async (isolation) => {
      const { store, execute, effects } = await opened({ isolation });
      const answers = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) =>
          store.transact(operation, async (transaction) => {
            await execute(transaction, insert(`${index}`));
            return commit;
          }),
        ),
      );
      expect(answers.filter(({ status }) => status === "rejected")).toEqual([]);
      expect(await effects()).toHaveLength(1);
    });

    test("a commit without an answer is looked up, and its handler does not run again", async () => {
      await using proxy = await cutProxy(server().port);
      const { store, execute, effects, commitText = "COMMIT" } = await opened({ port: proxy.port, connectionsMax: 2 });
      let runs = 0;
      const answer = await store.transact(operation, async (transaction) => {
        runs += 1;
        await execute(transaction, insert(`run ${runs}`));
        proxy.cutNextAnswer(commitText);
        return { ...commit, value: `run ${runs}` };
      });
      expect(proxy.answersCut).toBe(1);
      expect(answer).toEqual({ kind: "executed", value: "run 1" });
      expect(await effects()).toEqual(["run 1"]);
    });

    test("a COMMIT that does not reach the server commits nothing, and the handler runs again", async () => {
      await using proxy = await cutProxy(server().port);
      const { store, execute, effects, commitText = "COMMIT" } = await opened({ port: proxy.port, connectionsMax: 2 });
      let runs = 0;
      const answer = await store.transact(operation, async (transaction) => {
        runs += 1;
        await execute(transaction, insert(`run ${runs}`));
        if (runs === 1) proxy.cutNextQuestion(commitText);
        return { ...commit, value: `run ${runs}` };
      });
      expect(answer).toEqual({ kind: "executed", value: "run 2" });
      expect(await effects()).toEqual(["run 2"]);
    });

    test("a connection that is lost before the commit is no effect: the handler runs again", async () => {
      await using proxy = await cutProxy(server().port);
      const { store, execute, effects } = await opened({ port: proxy.port });
      await loseBeforeCommit(store, proxy, (transaction, name) => execute(transaction, insert(name)));
      expect(await effects()).toEqual(["run 2", "run 4"]);
    });

    test.for(["BEGIN", "a handler"])("a connection that is lost at %s leaves its place in the pool", async (at) => {
      await using proxy = await cutProxy(server().port);
      const { store, execute, effects } = await opened({ port: proxy.port, connectionsMax: 1 });
      await store.transact({ ...operation, key: "first" }, async () => commit);
      const anything = "";
      if (at === "BEGIN") proxy.cutNextQuestion(anything);
      const lost = store.transact({ ...operation, key: "lost" }, async (transaction) => {
        proxy.cutNextQuestion(anything);
        await execute(transaction, insert("lost"));
        return commit;
      });
      await expect(lost).rejects.toThrow();
      await store.transact(operation, async (transaction) => {
        await execute(transaction, insert("next"));
        return commit;
      });
      expect(await effects()).toEqual(["next"]);
    });

    test("a statement that fails and is passed over is no commit", async () => {
      const { store, execute, effects } = await opened();
      const run = store.transact(operation, async (transaction) => {
        await execute(transaction, insert("one"));
        await Promise.resolve(execute(transaction, "SELECT nonsense")).catch(() => undefined);
        return commit;
      });
      await expect(run).rejects.toThrow("went on after one of its statements had failed");
      expect(await effects()).toEqual([]);
      expect(await store.inspect(operation)).toBeUndefined();
    });

    test("an ORM without a free connection is unavailable, in time, and its next transaction runs", async () => {
      const { store } = await opened({ connectionsMax: 1, busyMsMax: 2000, transactionsMax: 5 });
      const [go, inside] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const running = store.transact(operation, async () => {
        inside.resolve();
        await go.promise;
        return commit;
      });
      await inside.promise;
      await expect(store.transact({ ...operation, key: "other" }, never)).rejects.toThrow();
      go.resolve();
      expect((await running).kind).toBe("executed");
      expect((await store.transact({ ...operation, key: "other" }, async () => commit)).kind).toBe("executed");
    });

    test("a lock that the handler does not get in time ends its transaction, and its connection is whole", async () => {
      const { store, outside, execute } = await opened({ connectionsMax: 1, busyMsMax: 2000 });
      // An ORM takes long to begin for the first time.
      await store.transact({ ...operation, key: "first" }, async () => commit);
      const holder = await outside.connect();
      onTestFinished(() => holder.release(true));
      await holder.query("BEGIN; LOCK TABLE effects");
      const run = store.transact(operation, async (transaction) => {
        await execute(transaction, insert("one"));
        return commit;
      });
      await expect(run).rejects.toThrow("lock timeout");
      await holder.query("ROLLBACK");
      expect((await store.transact(operation, async () => commit)).kind).toBe("executed");
    });

    test("a transaction of the ORM inside of it is a savepoint", async () => {
      const { store, execute, nested, effects } = await opened();
      const fault = new Error("fault");
      await store.transact(operation, async (transaction) => {
        await execute(transaction, insert("before"));
        await nested(transaction, async (inner) => void (await execute(inner, insert("inner"))));
        const failing = nested(transaction, async (inner) => {
          await execute(inner, insert("undone"));
          throw fault;
        });
        await expect(failing).rejects.toBe(fault);
        await execute(transaction, insert("after"));
        return commit;
      });
      expect(await effects()).toEqual(["after", "before", "inner"]);
    });

    test("a branch that goes on after the end is refused and reported, and writes nothing", async () => {
      const { store, execute, effects } = await opened();
      const late: Error[] = [];
      const go = Promise.withResolvers<void>();
      let branch: Promise<unknown> | undefined;
      const declined = await store.transact(
        operation,
        async (transaction) => {
          branch = go.promise.then(() => execute(transaction, insert("late")));
          return { ...commit, keep: "answer-only" };
        },
        (error) => late.push(error),
      );
      expect(declined.kind).toBe("executed");
      go.resolve();
      await expect(branch).rejects.toThrow(coded("ONCE_OPERATION_ENDED"));
      expect(late).toEqual([coded("ONCE_OPERATION_ENDED")]);
      expect(await effects()).toEqual([]);
    });

    test("an ORM on another database is refused, by a transaction and by health()", async () => {
      const [one, other] = [await opened(), await opened()];
      const store = postgresStore(one.pool, { transactions: other.transactions });
      await expect(store.transact(operation, never)).rejects.toThrow("the database and the schema of the store's pool");
      expect(await store.health()).toEqual({
        isHealthy: false,
        problems: [expect.stringContaining("on another database, schema or server")],
      });
      expect(await one.store.health()).toEqual({ isHealthy: true, problems: [] });
    });

    test("without its tables, an operation says what to run", async () => {
      const url = await create();
      const { transactions } = await connect(url);
      const store = postgresStore(pgPool(url), { transactions });
      await expect(store.transact(operation, never)).rejects.toThrow("store.migrate()");
    });
  });
});
