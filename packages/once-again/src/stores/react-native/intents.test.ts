import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderOfSuite, temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import { intentContract } from "../../../../testing/src/index.ts";
import { reactNativeIntents } from "./index.ts";

type Client = Parameters<typeof reactNativeIntents>[0];

// Node's own SQLite behind the shapes of the two libraries: they run on devices, which these tests are not.
const all = (path: string) => {
  const database = new DatabaseSync(path);
  return (source: string, params: never[] = []) => database.prepare(source).all(...params);
};

/** A database as expo-sqlite gives it. */
function expo(path: string): Client {
  const ask = all(path);
  return { getAllAsync: async (source, params) => ask(source, params) };
}

/** A database as op-sqlite gives it: bytes are an ArrayBuffer. */
function opSqlite(path: string): Client {
  const ask = all(path);
  const read = (value: unknown): unknown => (value instanceof Uint8Array ? Uint8Array.from(value).buffer : value);
  return {
    execute: async (query, params) => ({
      rows: ask(query, params).map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, read(value)])),
      ),
    }),
  };
}

describe.for([
  ["expo-sqlite", expo],
  ["op-sqlite", opSqlite],
] as const)("%s", ([name, open]) => {
  const folder = folderOfSuite();
  const cases = intentContract({
    open: (intents) => reactNativeIntents(open(join(folder(), `${name}-${intents}.db`))),
  });
  for (const { name, run } of cases) test(name, run);

  test("every commit is synced", async () => {
    const path = join(temporaryFolder(), "intents.db");
    const database = open(path);
    await reactNativeIntents(database).list({});
    const ask = (source: string) =>
      "getAllAsync" in database ? database.getAllAsync(source, []) : database.execute(source).then(({ rows }) => rows);
    expect(await ask("PRAGMA synchronous")).toEqual([{ synchronous: 2 }]);
    expect(await ask("PRAGMA journal_mode")).toEqual([{ journal_mode: "wal" }]);
  });
});

test("a first call that never ends, as of an app that was suspended, holds up no later one", async () => {
  const ask = all(join(temporaryFolder(), "intents.db"));
  let isSuspended = true;
  const getAllAsync = async (source: string, params: never[]): Promise<never[]> => {
    if (isSuspended) await new Promise(() => undefined);
    return ask(source, params) as never[];
  };
  const store = reactNativeIntents({ getAllAsync });
  void store.list({});
  isSuspended = false;
  expect(await store.list({})).toEqual([]);
});

test("another client is refused by what it is", () => {
  for (const other of [undefined, {}, Promise.resolve(), new DatabaseSync(":memory:")]) {
    expect(() => reactNativeIntents(other as never)).toThrow(
      expect.objectContaining({
        code: "ONCE_OPTION_INVALID",
        message: expect.stringMatching(/expo-sqlite or op-sqlite/) as string,
      }),
    );
  }
});
