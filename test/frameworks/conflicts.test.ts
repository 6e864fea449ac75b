import type { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import type { TransactionalStore } from "../../packages/once-again/src/stores/store.ts";
import { appDatabase, insertOrder } from "../support/app-database.ts";
import { exchange } from "./exchange.ts";
import { frameworks } from "./frameworks.ts";
import { openTransaction, type SqliteKeys } from "./route.ts";
import { serving } from "./serving.ts";
import { oneRetryAfter } from "../support/retry-after.ts";

// When a transaction or its commit is rolled back over a conflict, its work runs again. Behind a framework the work is
// a handler that wrote to a response, and that a router runs once: the key must not be stored without the effect.

/** The same store, which undoes the first run of the first operation and then runs it again. */
function undoingOnce(store: SqliteKeys): SqliteKeys {
  let wasUndone = false;
  const transact: TransactionalStore<DatabaseSync>["transact"] = async (request, work) => {
    if (!wasUndone) {
      wasUndone = true;
      await store.transact(request, async (transaction) => ({ ...(await work(transaction)), keep: "rollback" }));
    }
    return store.transact(request, work);
  };
  return { ...store, transact };
}

/** Frameworks that can run the handler again, so that the caller notices nothing. */
const runAgain = new Set(["node", "web"]);

describe.for(frameworks)("$name", (framework) => {
  test("an operation that was rolled back has one effect in the end, and its answer", async () => {
    const { store, orders } = appDatabase();
    let runs = 0;
    const { url } = await serving(framework, {
      rules: { store: undoingOnce(store), mode: "transactional" },
      handle: (call) => {
        runs += 1;
        insertOrder(openTransaction(call), "tea");
        return { status: 201, headers: { "x-run": String(runs) }, body: `run ${runs}` };
      },
    });
    const first = await exchange(url);
    if (!runAgain.has(framework.name)) {
      expect(first).toMatchObject({ status: 503, headers: { "retry-after": oneRetryAfter } });
      expect(first.text).toContain("ONCE_NO_EFFECT");
      expect(first.headers["x-run"]).toBeUndefined();
      expect(orders()).toHaveLength(0);
    }
    const answer = runAgain.has(framework.name) ? first : await exchange(url);
    expect(answer).toMatchObject({ status: 201, text: "run 2", headers: { "x-run": "2" } });
    expect(orders()).toHaveLength(1);
    const repeat = await exchange(url);
    expect(repeat).toMatchObject({ status: 201, text: "run 2", headers: { "idempotent-replayed": "true" } });
    expect([runs, orders().length]).toEqual([2, 1]);
  });
});
