import { chmodSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { sqliteConnection } from "../../packages/once-again/src/stores/sqlite/connection.ts";
import { sqliteIntents } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { fakeClock, intentContract } from "../../packages/testing/src/index.ts";
import { folderOfSuite, temporaryFolder } from "../support/temporary-folder.ts";

function opened(path = join(temporaryFolder(), "intents.db")) {
  const store = sqliteIntents({ path });
  onTestFinished(() => store.close());
  return store;
}

describe("the contract", () => {
  const folder = folderOfSuite();
  const open = (name: string) => sqliteIntents({ path: join(folder(), `${name}.db`) });
  for (const { name, run } of intentContract({ open })) test(name, run);
});

test("a path is needed, and a bad file is refused", async () => {
  expect(() => sqliteIntents({ path: "" })).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
  expect(() => sqliteIntents({ path: join(temporaryFolder(), "none", "x.db") })).toThrow("a folder that is there");
});

test("every commit is synced: WAL with synchronous=FULL", async () => {
  const { database, close } = sqliteConnection({ path: join(temporaryFolder(), "intents.db") }, "", () => undefined);
  expect(database.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  expect(database.prepare("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
  await close();
});

test("a new file and its log are readable for their owner alone; one that is there keeps its rights", async () => {
  const path = join(temporaryFolder(), "intents.db");
  const request = { method: "POST", url: "http://shop.example/", headers: [], body: undefined };
  await opened(path).add({ id: "a", key: "k", fingerprint: "f", request, giveUpAfterMs: 500, openMax: 1 });
  const mode = (file: string): number => statSync(file).mode & 0o777;
  expect([mode(path), mode(`${path}-wal`)]).toEqual([0o600, 0o600]);
  const shared = join(temporaryFolder(), "shared.db");
  writeFileSync(shared, "");
  chmodSync(shared, 0o640);
  expect((await opened(shared).list({})).length).toBe(0);
  expect(mode(shared)).toBe(0o640);
});

test("leases and delays go by the store's clock", async () => {
  const clock = fakeClock(1_000_000);
  const store = sqliteIntents({ path: join(temporaryFolder(), "intents.db"), clock });
  onTestFinished(() => store.close());
  const request = { method: "POST", url: "http://shop.example/", headers: [], body: undefined };
  await store.add({ id: "a", key: "k", fingerprint: "f", request, giveUpAfterMs: 500, openMax: 1 });
  expect(await store.claim({ owner: "one", leaseMs: 300, limit: 2 })).toMatchObject({
    intents: [{ createdAt: 1_000_000, msLeft: 500 }],
    nextMs: 300,
  });
  await clock.advance(299);
  expect(await store.claim({ owner: "two", leaseMs: 300, limit: 2 })).toEqual({ intents: [], nextMs: 1 });
  await clock.advance(1);
  expect(await store.claim({ owner: "two", leaseMs: 300, limit: 2 })).toMatchObject({ intents: [{ msLeft: 200 }] });
});
