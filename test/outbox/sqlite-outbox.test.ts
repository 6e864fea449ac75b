import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { openRelay } from "../../packages/once-again/src/messaging/outbox/index.ts";
import { sqliteOutbox, type SqliteOutbox, sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { outboxContract } from "../../packages/testing/src/outbox-contract/outbox-contract.ts";
import { startChild } from "../support/child.ts";
import { outboxEngines } from "../support/outbox/engines.ts";
import { folderOfSuite, temporaryFolder } from "../support/temporary-folder.ts";

const request = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const result = new Uint8Array();
const message = { topic: "orders", orderingKey: "o'7", body: { item: "tea" } };

/** A file with an outbox, and a connection of the user's own, until the running test ends. */
function shop(options: { busyMsMax?: number } = {}) {
  const path = join(temporaryFolder(), "shop.db");
  const outbox = sqliteOutbox({ path, ...options });
  const database = new DatabaseSync(path);
  onTestFinished(async () => {
    database.close();
    await outbox.close();
  });
  const add = async (id: string): Promise<void> => {
    database.exec("BEGIN IMMEDIATE");
    await outbox.add(database, { ...message, id });
    database.exec("COMMIT");
  };
  return { path, outbox, database, add };
}

async function claimedIds(outbox: SqliteOutbox): Promise<string[]> {
  const request = { owner: "one", leaseMs: 60_000, limit: 10, messagesPerKey: 10 };
  const { batches, hasMore } = await outbox.claim(request);
  const ids = batches.flatMap(({ messages }) => messages.map(({ id }) => id));
  return hasMore ? [...ids, ...(await claimedIds(outbox))] : ids;
}

describe("the outbox in SQLite", () => {
  const folder = folderOfSuite();
  const open = (records: string) => outboxEngines.sqlite(join(folder(), `${records}.db`));
  for (const { name, run } of outboxContract({ open, parallel: false })) test(name, run);

  test("a message is written before `add` returns, and goes with its transaction", async () => {
    const { outbox, database } = shop();
    for (const end of ["ROLLBACK", "COMMIT"]) {
      database.exec("BEGIN IMMEDIATE");
      const added = outbox.add(database, { ...message, id: end });
      database.exec(end);
      expect(await added).toBe(end);
    }
    expect(await claimedIds(outbox)).toEqual(["COMMIT"]);
  });

  test("a handler's transaction keeps or drops it, and is of no use when its operation has ended", async () => {
    const { path, outbox } = shop();
    const store = sqliteStore({ path });
    onTestFinished(() => store.close());
    const given: DatabaseSync[] = [];
    for (const keep of ["rollback", "answer-only", "commit", "commit"] as const) {
      await store.transact({ ...request, key: keep }, async (transaction) => {
        given.push(transaction);
        await outbox.add(transaction, { ...message, id: keep });
        return { keep, result, value: keep };
      });
    }
    expect(await claimedIds(outbox)).toEqual(["commit"]);
    await expect(outbox.add(given[0]!, message)).rejects.toMatchObject({ code: "ONCE_OPERATION_ENDED" });
  });

  test("what is no open transaction of its file is refused before anything is written", async () => {
    const { outbox, database } = shop();
    const other = new DatabaseSync(join(temporaryFolder(), "other.db"));
    onTestFinished(() => other.close());
    other.exec("BEGIN IMMEDIATE");
    const inMemory = new DatabaseSync(":memory:");
    inMemory.exec("BEGIN IMMEDIATE");
    const ofAnother = { prepare: () => undefined, transaction: () => undefined };
    for (const given of [database, other, inMemory, undefined, null, {}, "shop.db", ofAnother]) {
      await expect(outbox.add(given as never, message)).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
    }
    expect(await outbox.backlog()).toMatchObject({ messages: 0 });
    expect(() => sqliteOutbox({ path: ":memory:" })).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
    expect(() => sqliteOutbox({ path: "shop.db", bodyBytesMax: 0 })).toThrow("bodyBytesMax");
    expect(() => sqliteOutbox({ path: "shop.db", batchSize: 1 } as never)).toThrow(/batchSize/);
  });

  test("a confirmation that comes late, and twice, removes no other message", async () => {
    const { outbox, add } = shop();
    await add("first");
    const { batches } = await outbox.claim({ owner: "one", leaseMs: 60_000, limit: 1, messagesPerKey: 1 });
    const { position } = batches[0]!.messages[0]!;
    await outbox.confirm([position]);
    await add("second");
    await outbox.confirm([position]);
    expect(await claimedIds(outbox)).toEqual(["second"]);
  });

  test("who finds nothing to claim does not wait for those who write", async () => {
    const { outbox, database } = shop({ busyMsMax: 0 });
    database.exec("BEGIN IMMEDIATE");
    await outbox.add(database, message);
    expect(await claimedIds(outbox)).toEqual([]);
    database.exec("COMMIT");
    expect(await claimedIds(outbox)).toHaveLength(1);
  });

  test("another process' lock is waited for, then refused, and a relay goes on when it is free", async () => {
    const { path, outbox, add } = shop({ busyMsMax: 20 });
    await add("waits");
    const child = startChild("outbox/sqlite-lock-child.ts", path);
    expect(await child.line()).toBe("locked");
    const request = { owner: "one", leaseMs: 1, limit: 1, messagesPerKey: 1 };
    await expect(outbox.claim(request)).rejects.toMatchObject({ code: "ONCE_STORE_UNAVAILABLE" });
    const [published, fault] = [Promise.withResolvers<string>(), Promise.withResolvers<unknown>()];
    const relay = openRelay({
      outbox,
      publish: async ({ id }) => published.resolve(id),
      pollMs: 10,
      onEvent: (event) => event.type === "fault" && fault.resolve(event.error),
    });
    expect(await fault.promise).toMatchObject({ code: "ONCE_STORE_UNAVAILABLE" });
    await child.kill();
    expect(await published.promise).toBe("waits");
    await relay.close();
  });

  test("a writer of the same process that blocks for the lock, as SQLite does, is not in a relay's way", async () => {
    const { path, outbox } = shop();
    const writer = new DatabaseSync(path, { timeout: 60_000 });
    onTestFinished(() => writer.close());
    const relay = openRelay({ outbox, publish: async () => undefined, pollMs: 1 });
    for (let count = 0; count < 200; count += 1) {
      writer.exec("BEGIN IMMEDIATE");
      await outbox.add(writer, { ...message, orderingKey: count % 2 === 0 ? undefined : "k" });
      writer.exec("COMMIT");
      // Each of these may be between two steps of the relay.
      for (let turns = 0; turns < count % 7; turns += 1) await Promise.resolve();
    }
    await relay.idle();
    await relay.close();
    expect(await outbox.backlog()).toMatchObject({ messages: 0 });
  });

  test("a commit wakes a relay that would not look for an hour, and a closed file ends the listening", async () => {
    const { outbox, add } = shop();
    const published = Promise.withResolvers<string>();
    const relay = openRelay({ outbox, publish: async ({ id }) => published.resolve(id), pollMs: 3_600_000 });
    await relay.idle();
    await setTimeout(0);
    await add("woken");
    expect(await published.promise).toBe("woken");
    await relay.close();
    const lost = Promise.withResolvers<unknown>();
    await outbox.listen!(() => undefined, lost.resolve);
    await outbox.close();
    expect(await lost.promise).toBeInstanceOf(Error);
  });
});
