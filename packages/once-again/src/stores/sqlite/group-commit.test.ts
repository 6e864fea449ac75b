import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { appDatabase } from "../../../../../test/support/app-database.ts";
import { longClaim } from "../../../../../test/support/long-claim.ts";
import { systemClock } from "../../core/system-clock.ts";
import { sqliteConnection, type SqliteOptions } from "./connection.ts";
import { recordWriter } from "./group-commit.ts";
import { keyTable } from "../sql/sqlite-keys.ts";
import { schema } from "./schema.ts";

const keys = Array.from({ length: 50 }, (_, index) => `order-${index}`);
const kindOf = (settled: PromiseSettledResult<{ kind: string }>): string =>
  settled.status === "fulfilled" ? settled.value.kind : "failed";

/** A key with a row that ends the transaction that writes it, as a full disk may. */
function poison(path: string, key: string): void {
  const database = new DatabaseSync(path);
  onTestFinished(() => database.close());
  database.exec(`CREATE TRIGGER poison BEFORE INSERT ON once_again_keys WHEN new.key = '${key}'
    BEGIN SELECT RAISE(ROLLBACK, 'poisoned'); END`);
}

describe("operations that are asked for together", () => {
  test("share a commit, and each has its answer", async () => {
    const connection = sqliteConnection({ path: ":memory:" } satisfies SqliteOptions, schema, (database) =>
      keyTable((text) => database.prepare(text)),
    );
    onTestFinished(() => connection.close());
    let commits = 0;
    const write = recordWriter({
      database: connection.database,
      prepared: connection.prepared,
      clock: systemClock,
      committed: (work) => {
        commits += 1;
        return connection.committed(work);
      },
    });
    const claims = [...keys, "order-0"].map((key) => ({ kind: "claim" as const, ...longClaim(key), owner: key }));
    const again = { ...longClaim("order-0"), kind: "claim" as const, owner: "another" };
    const settled = await write([...claims, again]);
    expect(settled.map((one) => ("answer" in one ? (one.answer as { kind: string }).kind : "failed"))).toEqual([
      ...claims.map(() => "acquired"),
      "in-progress",
    ]);
    expect(commits).toBe(1);
  });

  test.for([
    ["fails by itself", { fingerprint: undefined as never }, () => undefined],
    ["ends the transaction", {}, poison],
  ] as const)("one that %s does not fail the others", async ([, wrong, prepare]) => {
    const { store, path } = appDatabase();
    prepare(path, "order-7");
    const ask = (key: string) => store.claim({ ...longClaim(key), ...(key === "order-7" ? wrong : {}) });
    const settled = await Promise.allSettled(keys.map(ask));
    expect(settled.map(kindOf)).toEqual(keys.map((key) => (key === "order-7" ? "failed" : "acquired")));
    const listed = await store.list({ limit: 100 });
    expect(listed.map(({ key }) => key).toSorted()).toEqual(keys.filter((key) => key !== "order-7").toSorted());
  });

  test("a replay among them does not wait for a lock that another connection holds", async () => {
    const { store, path } = appDatabase({ busyMsMax: 200 });
    const done = longClaim("done");
    await store.claim(done);
    await store.complete({ ...done, result: Uint8Array.of(1) });
    const other = new DatabaseSync(path);
    onTestFinished(() => other.close());
    other.exec("BEGIN IMMEDIATE");
    const settled = await Promise.allSettled([store.claim(longClaim("new")), store.claim(done)]);
    expect(settled.map(kindOf)).toEqual(["failed", "done"]);
  });

  test("one that is asked for after a transaction comes after it", async () => {
    const { store } = appDatabase();
    const request = longClaim("order-1");
    const first = store.claim(longClaim("order-0"));
    const executed = store.transact(request, async () => ({ keep: "commit", result: Uint8Array.of(1), value: 1 }));
    const last = store.claim(request);
    expect([(await first).kind, (await executed).kind, (await last).kind]).toEqual(["acquired", "executed", "done"]);
  });

  test("one more than queueMax is refused at once", async () => {
    const { store } = appDatabase({ queueMax: 2 });
    const settled = await Promise.allSettled(keys.slice(0, 3).map((key) => store.claim(longClaim(key))));
    expect(settled.map(kindOf)).toEqual(["acquired", "acquired", "failed"]);
  });
});
