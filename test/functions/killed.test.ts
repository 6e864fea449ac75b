import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test, vi } from "vitest";
import { onceFunction } from "../../packages/once-again/src/function/index.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { startChild } from "../support/child.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// A call in a process that is killed in its middle.

const program = "../functions/function-child.ts";
const key = (id: string): string => id;

function open() {
  const path = join(temporaryFolder(), "keys.db");
  const store = sqliteStore({ path });
  onTestFinished(() => store.close());
  return { path, store };
}

test("in leased mode it is in progress, and then held: it never runs again by itself", async () => {
  const { path, store } = open();
  const child = startChild(program, path, "leased");
  expect(await child.line()).toBe("running");
  const fn = vi.fn<() => string>(() => "ran again");
  const call = onceFunction({ store, scope: "call", key }, fn);
  await expect(call("order-7")).rejects.toMatchObject({ code: "ONCE_IN_PROGRESS" });
  await child.kill();
  await expect
    .poll(() => call("order-7").catch((error: unknown) => error))
    .toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  expect(fn).not.toHaveBeenCalled();
  expect(await store.list({ state: "abandoned" })).toMatchObject([{ scope: "call", key: "order-7" }]);
});

test("in leased mode it is looked up by another process, where that can be done", async () => {
  const { path, store } = open();
  const child = startChild(program, path, "leased");
  expect(await child.line()).toBe("running");
  await child.kill();
  const onUnknown = async () => ({ found: "found" });
  const call = onceFunction({ store, scope: "call", key, onUnknown, waitMs: 20_000 }, () => "ran again");
  expect(await call("order-7")).toBe("found");
});

test("in transactional mode nothing of it happened, and a repeat runs afresh", async () => {
  const { path, store } = open();
  const database = new DatabaseSync(path);
  onTestFinished(() => database.close());
  database.exec("PRAGMA journal_mode = WAL; CREATE TABLE effects (who TEXT NOT NULL) STRICT");
  const child = startChild(program, path, "transactional");
  expect(await child.line()).toBe("running");
  await child.kill();
  const call = onceFunction({ mode: "transactional", store, scope: "call", key, waitMs: 20_000 }, ({ transaction }) => {
    transaction.exec("INSERT INTO effects VALUES ('parent')");
    return "ran";
  });
  expect([await call("order-7"), await call("order-7")]).toEqual(["ran", "ran"]);
  expect(database.prepare("SELECT who FROM effects").all()).toEqual([{ who: "parent" }]);
});
