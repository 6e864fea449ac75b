import { describe, expect, test } from "vitest";
import { postgresOutbox, type PostgresTransaction } from "../../packages/once-again/src/stores/postgres/index.ts";
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

  test("a transaction that a handler has kept is of no use when its operation has ended", async () => {
    const url = await create();
    const store = postgresClients["pg"]!(url);
    const outbox = postgresOutbox(pgPool(url));
    await Promise.all([store.migrate(), outbox.migrate()]);
    const kept: PostgresTransaction[] = [];
    await store.transact(request, async (transaction) => {
      kept.push(transaction);
      return { keep: "commit", result, value: "ran" };
    });
    await expect(outbox.add(kept[0]!, message)).rejects.toMatchObject({ code: "ONCE_OPERATION_ENDED" });
    expect(await outbox.backlog()).toMatchObject({ messages: 0 });
  });
});
