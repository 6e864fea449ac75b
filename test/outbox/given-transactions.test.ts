import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  fromDrizzle,
  fromPostgresJs,
  postgresOutbox,
  type PostgresTransaction,
} from "../../packages/once-again/src/stores/postgres/index.ts";
import { databases, pgPool, postgresClients } from "../postgres/databases.ts";
import { libraries } from "../postgres/library-transactions.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary } from "../support/servers/postgres.ts";

const request = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const result = new Uint8Array();
const message = { topic: "orders", orderingKey: "o'7", body: { item: "tea" } };

describeWithServer("messages in a transaction of others", postgresBinary, () => {
  const { create } = databases();

  describe.for(Object.keys(libraries))("%s", (name) => {
    test("commit with it, and are gone with it", async () => {
      const url = await create();
      const outbox = postgresOutbox(pgPool(url));
      await outbox.migrate();
      const failed = new Error("changed its mind");
      const lost = libraries[name]!(url, async (transaction) => {
        await outbox.add(transaction, message);
        throw failed;
      });
      await expect(lost).rejects.toBe(failed);
      expect(await outbox.backlog()).toMatchObject({ messages: 0 });
      await libraries[name]!(url, async (transaction) => void (await outbox.add(transaction, message)));
      expect(await outbox.backlog()).toMatchObject({ messages: 1 });
    });

    test("take several at once, and none of them when one is refused and they are rolled back", async () => {
      const url = await create();
      const outbox = postgresOutbox(pgPool(url));
      await outbox.migrate();
      const addAll = (topics: readonly string[]) =>
        libraries[name]!(url, async (transaction) => {
          await Promise.all(topics.map((topic) => outbox.add(transaction, { ...message, topic })));
        });
      await expect(addAll(["orders", "", "orders", "orders"])).rejects.toMatchObject({ code: "ONCE_MESSAGE_INVALID" });
      expect(await outbox.backlog()).toMatchObject({ messages: 0 });
      await addAll(["orders", "orders", "orders"]);
      expect(await outbox.backlog()).toMatchObject({ messages: 3 });
    });

    test("take none when they have ended: it would be added by itself", async () => {
      const url = await create();
      const outbox = postgresOutbox(pgPool(url));
      await outbox.migrate();
      const ended = async (transaction: PostgresTransaction) => {
        await expect(outbox.add(transaction, message)).rejects.toThrow(/open transaction|already|CONNECTION_/);
      };
      for (const isRolledBack of [false, true]) {
        const given: PostgresTransaction[] = [];
        const work = async (transaction: PostgresTransaction) => {
          given.push(transaction);
          if (isRolledBack) throw new Error("changed its mind");
        };
        await libraries[name]!(url, work).catch(() => undefined);
        await ended(given[0]!);
      }
      expect(await outbox.backlog()).toMatchObject({ messages: 0 });
    });
  });

  test.for(["sql", "Drizzle", "fromPostgresJs"] as const)(
    "a transaction of postgres takes no message after its end: %s",
    async (given) => {
      const url = await create();
      const outbox = postgresOutbox(pgPool(url));
      await outbox.migrate();
      const sql = postgres(url, { max: 1 });
      onTestFinished(() => sql.end({ timeout: 1 }));
      const ended: PostgresTransaction[] = [];
      const keep = async (transaction: PostgresTransaction): Promise<void> => {
        await outbox.add(transaction, message);
        ended.push(transaction);
      };
      if (given === "Drizzle") await drizzle(sql).transaction((tx) => keep(fromDrizzle(tx)));
      else await sql.begin((transaction) => keep(given === "sql" ? transaction : fromPostgresJs(transaction)));
      await expect(outbox.add(ended[0]!, message)).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
      expect(await outbox.backlog()).toMatchObject({ messages: 1 });
    },
  );

  test("a client takes no message while its COMMIT is on its way", async () => {
    const url = await create();
    const pool = pgPool(url);
    const outbox = postgresOutbox(pool);
    await outbox.migrate();
    const client = await pool.connect();
    await client.query("BEGIN");
    const committed = client.query("COMMIT");
    await expect(outbox.add(client, message)).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
    await committed;
    client.release();
    expect(await outbox.backlog()).toMatchObject({ messages: 0 });
  });

  test.for(Object.keys(postgresClients))("a handler's transaction, through %s", async (name) => {
    const url = await create();
    const store = postgresClients[name]!(url);
    const outbox = postgresOutbox(pgPool(url));
    await Promise.all([store.migrate(), outbox.migrate()]);
    const run = (keep: "commit" | "answer-only" | "rollback") =>
      store.transact({ ...request, key: keep }, async (transaction) => {
        await outbox.add(transaction, { ...message, id: keep });
        return { keep, result, value: keep };
      });
    for (const keep of ["rollback", "answer-only", "commit", "commit"] as const) await run(keep);
    const { batches } = await outbox.claim({ owner: "one", leaseMs: 1000, limit: 10, messagesPerKey: 10 });
    expect(batches.flatMap(({ messages }) => messages.map(({ id }) => id))).toEqual(["commit"]);
  });

  test("a handler's transaction takes no message when its operation has ended", async () => {
    const url = await create();
    const store = postgresClients["pg"]!(url);
    const outbox = postgresOutbox(pgPool(url));
    await Promise.all([store.migrate(), outbox.migrate()]);
    const given: PostgresTransaction[] = [];
    await store.transact(request, async (transaction) => {
      given.push(transaction);
      return { keep: "commit", result, value: "ran" };
    });
    await expect(outbox.add(given[0]!, message)).rejects.toMatchObject({ code: "ONCE_OPERATION_ENDED" });
    expect(await outbox.backlog()).toMatchObject({ messages: 0 });
  });
});
