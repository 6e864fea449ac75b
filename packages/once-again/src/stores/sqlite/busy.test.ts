import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { appDatabase } from "../../../../../test/support/app-database.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import type { TransactionEnding } from "../store.ts";
import type { SqliteStoreOptions } from "./store.ts";

const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 1000 };
const result = Uint8Array.of(1, 2, 3);
const ends = (keep: TransactionEnding<string>["keep"]): TransactionEnding<string> => ({ keep, result, value: "ran" });

function openedWith(options: Partial<SqliteStoreOptions> = {}) {
  const clock = fakeClock(1_700_000_000_000);
  return { ...appDatabase({ clock, ...options }), clock };
}

/** Listens at once, so that a refusal which comes while time is moved on is not unhandled. */
async function expectRefused(asked: Promise<unknown>, more: { cause?: Error } = {}): Promise<void> {
  await expect(asked).rejects.toThrow(expect.objectContaining({ code: "ONCE_STORE_UNAVAILABLE", ...more }));
}

describe("a busy store", () => {
  const unavailable = expect.objectContaining({ code: "ONCE_STORE_UNAVAILABLE" }) as Error;
  const claim = { ...operation, owner: "me", leaseMs: 100 };

  test("one who waits for a turn longer than busyMsMax is refused, and its work never runs", async () => {
    const { store, clock } = openedWith({ busyMsMax: 50 });
    const go = Promise.withResolvers<void>();
    const first = store.transact(operation, async () => {
      await go.promise;
      return ends("commit");
    });
    const late = store.transact({ ...operation, key: "other" }, () => expect.fail("ran"));
    const refused = expectRefused(late);
    await clock.advance(50);
    await refused;
    go.resolve();
    expect((await first).kind).toBe("executed");
    expect((await store.claim({ ...claim, key: "other" })).kind).toBe("acquired");
    expect(clock.pending).toBe(0);
  });

  test("one more than queueMax is refused at once", async () => {
    const { store } = openedWith({ queueMax: 2 });
    const go = Promise.withResolvers<void>();
    const first = store.transact(operation, async () => {
      await go.promise;
      return ends("commit");
    });
    const waiting = [store.inspect(operation), store.inspect(operation)];
    await expect(store.inspect(operation)).rejects.toThrow(unavailable);
    go.resolve();
    await first;
    expect((await Promise.all(waiting)).map((found) => found?.state)).toEqual(["done", "done"]);
  });

  test("another connection's write lock is waited for up to busyMsMax, then refused, with its cause", async () => {
    const { store, clock, path } = openedWith({ busyMsMax: 50 });
    const other = new DatabaseSync(path);
    onTestFinished(() => other.close());
    other.exec("BEGIN IMMEDIATE");
    const refused = expectRefused(store.claim(claim), { cause: expect.any(Error) as Error });
    await clock.advance(60);
    await refused;
    expect(clock.pending).toBe(0);
    const claimed = store.claim(claim);
    await clock.advance(10);
    other.exec("COMMIT");
    await clock.advance(10);
    expect((await claimed).kind).toBe("acquired");
  });

  test("a replay needs no write lock", async () => {
    const { store, path } = openedWith();
    await store.claim(claim);
    await store.complete({ ...claim, result });
    const other = new DatabaseSync(path);
    onTestFinished(() => other.close());
    other.exec("BEGIN IMMEDIATE");
    expect((await store.claim({ ...claim, owner: "other" })).kind).toBe("done");
    expect((await store.claim({ ...claim, fingerprint: "g" })).kind).toBe("mismatch");
    expect(await store.renew({ ...claim, owner: "other" })).toBe(false);
  });
});
