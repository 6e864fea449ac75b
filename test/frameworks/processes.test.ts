import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { type Child, startChild } from "../support/child.ts";
import { insertOrder } from "../support/app-database.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { exchange, lasting } from "./exchange.ts";
import type { Framework } from "./framework.ts";
import { frameworks } from "./frameworks.ts";
import { openTransaction, type SqliteKeys } from "./route.ts";
import { serving } from "./serving.ts";

// Servers in processes of their own, on one database file: two at once, and one that is killed at work.

/** A database file with a table of orders, and everything that happened, in a transaction or out of one. */
function ledger(): { path: string; store: SqliteKeys; effects: () => string[] } {
  const path = join(temporaryFolder(), "app.db");
  const database = new DatabaseSync(path);
  database.exec("PRAGMA journal_mode = WAL; CREATE TABLE orders (item TEXT NOT NULL) STRICT");
  const store = sqliteStore({ path });
  onTestFinished(async () => {
    database.close();
    await store.close();
  });
  return {
    path,
    store,
    effects: () => [
      ...database
        .prepare("SELECT item FROM orders")
        .all()
        .map((row) => String(row["item"])),
      ...(existsSync(`${path}.effects`) ? readFileSync(`${path}.effects`, "utf8").trim().split("\n") : []),
    ],
  };
}

interface Started extends Child {
  leased: string;
  transactional: string;
}

async function started({ name }: Framework, path: string, leaseMs: number): Promise<Started> {
  const child = startChild("../frameworks/server-child.ts", name, path, String(leaseMs));
  return { ...child, leased: await child.line(), transactional: await child.line() };
}

/** Resolves with the keys that are abandoned, as soon as there are so many. */
async function abandoned(store: SqliteKeys, count: number): Promise<string[]> {
  for (;;) {
    const found = await store.list({ state: "abandoned" });
    if (found.length >= count) return found.map(({ key }) => key);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe.for(frameworks)("$name", (framework) => {
  test("of 50 duplicates at once over two processes, one runs, leased and in a transaction", async () => {
    const { path, effects } = ledger();
    const children = await Promise.all([started(framework, path, 60_000), started(framework, path, 60_000)]);
    for (const mode of ["leased", "transactional"] as const) {
      const urls = children.map((child) => child[mode]);
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) => exchange(urls[index % 2] ?? "", { key: mode })),
      );
      const made = answers.filter(({ status }) => status === 201);
      const [first] = made;
      expect(answers.filter(({ status }) => status === 409)).toHaveLength(50 - made.length);
      expect(made.filter(({ replayed }) => !replayed)).toHaveLength(1);
      for (const url of urls) {
        const repeat = await exchange(url, { key: mode });
        expect(repeat.replayed).toBe(true);
        expect(lasting(repeat)).toEqual(lasting(first!));
      }
    }
    expect(effects()).toHaveLength(2);
  });

  test("killed at work: held, visible, and settled by policy or by hand; in a transaction, the retry just works", async () => {
    const { path, store, effects } = ledger();
    const child = await started(framework, path, 500);
    const leased = ["stuck-by-hand", "stuck-not-executed", "stuck-reconcile", "stuck-rerun"];
    for (const key of [...leased, "stuck-in-transaction"]) {
      const url = key === "stuck-in-transaction" ? child.transactional : child.leased;
      exchange(url, { key }).catch(() => undefined);
      expect(await child.line()).toBe(key);
    }
    await child.kill();
    expect(effects()).toHaveLength(leased.length);
    expect(await abandoned(store, leased.length)).toEqual(leased);

    let runs = 0;
    const handle = () => ((runs += 1), { status: 201, body: "made again" });
    const held = await serving(framework, { rules: { store }, handle });
    const unknown = await exchange(held.url, { key: "stuck-by-hand" });
    expect(unknown).toMatchObject({ status: 409, text: expect.stringContaining("ONCE_OUTCOME_UNKNOWN") });
    expect([unknown.headers["retry-after"], runs]).toEqual([undefined, 0]);

    const rerunning = await serving(framework, { rules: { store, onUnknown: "rerun" }, handle });
    expect(await exchange(rerunning.url, { key: "stuck-rerun" })).toMatchObject({ status: 201, text: "made again" });

    const found = { status: 201, headers: { location: "/orders/8" }, body: "found" };
    const reconciling = await serving(framework, { rules: { store, onUnknown: async () => ({ found }) }, handle });
    for (const replayed of [false, true]) {
      const answer = await exchange(reconciling.url, { key: "stuck-reconcile" });
      expect(answer).toMatchObject({ status: 201, text: "found", replayed, headers: { location: "/orders/8" } });
    }

    const scope = "public";
    const made = await store.inspect({ scope, key: "stuck-reconcile" });
    const settlement = { as: "done", result: made!.record.result!, retentionMs: 60_000 } as const;
    await store.resolve({ scope, key: "stuck-by-hand", settlement });
    expect(await exchange(held.url, { key: "stuck-by-hand" })).toMatchObject({ text: "found", replayed: true });
    await store.resolve({ scope, key: "stuck-not-executed", settlement: { as: "not-executed" } });
    expect(await exchange(held.url, { key: "stuck-not-executed" })).toMatchObject({ text: "made again" });
    expect([runs, await store.list({ state: "abandoned" })]).toEqual([2, []]);

    const transactional = await serving(framework, {
      rules: { store, mode: "transactional" },
      handle: (call) => (insertOrder(openTransaction(call), "retried"), { status: 201, body: "made" }),
    });
    for (const replayed of [false, true]) {
      const answer = await exchange(transactional.url, { key: "stuck-in-transaction" });
      expect(answer).toMatchObject({ status: 201, text: "made", replayed });
    }
    expect(effects()).toContain("retried");
    expect(effects()).toHaveLength(leased.length + 1);
  });
});
