import { describe, expect, test } from "vitest";
import { retryingFetch } from "../../packages/once-again/src/client/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { appDatabase, insertOrder } from "../support/app-database.ts";
import { type FaultyStore, faultyStore } from "../support/faulty-store.ts";
import { exchange } from "./exchange.ts";
import type { Framework } from "./framework.ts";
import { frameworks } from "./frameworks.ts";
import { openTransaction, type SqliteKeys } from "./route.ts";
import { serving } from "./serving.ts";
import { oneRetryAfter } from "../support/retry-after.ts";

// A store that is down, slow or dies at any of its calls, behind every framework: 503 at once, or the documented unknown
// outcome. Nothing runs unprotected, and nothing hangs.

/** A leased route on a store that can fail, which counts its runs. */
/** @param times short ones by default: a silent store ends its call by them. */
async function counting(framework: Framework, times = { storeMsMax: 100, leaseMs: 150 }) {
  const { storeMsMax, leaseMs } = times;
  const store: FaultyStore = faultyStore(memoryStore());
  let runs = 0;
  const { url } = await serving(framework, {
    rules: { store, limits: { storeMsMax }, leaseMs, retentionMs: 60_000 },
    handle: () => ((runs += 1), { status: 201, body: "made" }),
  });
  return { store, url, runs: () => runs };
}

describe.for(frameworks)("$name", (framework) => {
  test.for(["before", "after", "silent", "silent-after"] as const)(
    "claim fails, %s: 503, nothing runs, and later it does",
    async (failure) => {
      const { store, url, runs } = await counting(framework);
      store.fail("claim", failure, 2);
      const answer = await exchange(url);
      expect(answer).toMatchObject({ status: 503, headers: { "retry-after": oneRetryAfter } });
      expect(answer.text).toContain("ONCE_STORE_UNAVAILABLE");
      expect(runs()).toBe(0);
      store.fail("claim", failure, 0);
      let later = await exchange(url);
      while (later.status === 409 && later.text.includes("ONCE_IN_PROGRESS")) later = await exchange(url);
      expect([later.status, runs()]).toEqual([201, 1]);
    },
  );

  test.for(["before", "after", "silent", "silent-after"] as const)(
    "complete fails, %s: the outcome is unknown until the store is back, and nothing runs twice",
    async (failure) => {
      const { store, url, runs } = await counting(framework);
      store.fail("complete", failure);
      const unconfirmed = await exchange(url);
      expect(unconfirmed).toMatchObject({ status: 504, text: expect.stringContaining("ONCE_RESULT_UNCONFIRMED") });
      expect(unconfirmed.headers["retry-after"]).toBeUndefined();
      store.fail("complete", failure, 0);
      let later = await exchange(url);
      while (later.text.includes("ONCE_IN_PROGRESS")) later = await exchange(url);
      // The lease is short, so it may be over before the result is stored behind the first caller's back.
      while (later.status === 409) later = await exchange(url);
      expect(later).toMatchObject({ status: 201, replayed: true });
      expect(runs()).toBe(1);
    },
  );

  test.for(["before", "after"] as const)("one lost call is asked for again, %s", async (failure) => {
    const { store, url, runs } = await counting(framework, { storeMsMax: 20_000, leaseMs: 30_000 });
    store.fail("claim", failure, 1);
    store.fail("complete", failure, 1);
    expect(await exchange(url)).toMatchObject({ status: 201, replayed: false });
    expect(await exchange(url)).toMatchObject({ status: 201, replayed: true });
    expect(runs()).toBe(1);
  });

  test.for(["before", "after"] as const)(
    "a transaction that dies %s its work is reported as such, and a retry just works",
    async (when) => {
      const { store, orders } = appDatabase();
      const { url } = await serving(framework, {
        rules: { store: dyingStore(store, when), mode: "transactional" },
        handle: (call) => (insertOrder(openTransaction(call), "tea"), { status: 201, body: "made" }),
      });
      const died = await exchange(url);
      expect([died.status, died.headers["retry-after"]]).toEqual(
        when === "after" ? [504, undefined] : [503, oneRetryAfter],
      );
      const retried = await exchange(url);
      expect(retried).toMatchObject({ status: 201, text: "made", replayed: when === "after" });
      expect(orders()).toEqual(["tea"]);
    },
  );

  test.for(["before", "after"] as const)(
    "a transaction without a key that dies %s its work is repeated only if nothing happened",
    async (when) => {
      const { store, orders } = appDatabase();
      const { url } = await serving(framework, {
        rules: { store: dyingStore(store, when), mode: "transactional", profile: { keyRequired: false } },
        handle: (call) => (insertOrder(openTransaction(call), "tea"), { status: 201, body: "made" }),
      });
      const unkeyed = retryingFetch({ keys: "off", backoff: () => 0 });
      const headers = { "content-type": "application/json" };
      const answer = await unkeyed(`${url}/v1/orders`, { method: "POST", body: '{"item":"tea"}', headers });
      // A 504 says nothing of whether the effect came before it.
      expect(answer.status).toBe(when === "after" ? 504 : 201);
      expect(orders()).toEqual(["tea"]);
    },
  );

  test("an operation that fails after several runs is reported once", async () => {
    const { store } = appDatabase();
    const fault = new Error("no run of it committed");
    const transact: SqliteKeys["transact"] = async (asked, work, onLateUse) => {
      for (let run = 1; run <= 3; run += 1) {
        await store.transact(
          asked,
          async (transaction) => ({ ...(await work(transaction)), keep: "rollback" }),
          onLateUse,
        );
      }
      throw fault;
    };
    const failing: SqliteKeys = { ...store, transact };
    const errors: unknown[] = [];
    const { url } = await serving(framework, {
      rules: { mode: "transactional", store: failing, onError: (error) => errors.push(error) },
      handle: () => ({ status: 201 }),
    });
    expect((await exchange(url)).status).toBeGreaterThanOrEqual(500);
    expect(errors.map((error) => (error as Error).cause ?? error)).toEqual([fault]);
  });
});

/** A transactional store with a first transaction that fails: before it begins, or after its commit, unacknowledged. */
function dyingStore(store: SqliteKeys, when: "before" | "after"): SqliteKeys {
  let dead = false;
  const dying = async <Answer>(transact: () => Promise<Answer>): Promise<Answer> => {
    const dies = !dead;
    dead = true;
    if (dies && when === "before") throw new Error("ECONNREFUSED");
    const answer = await transact();
    if (dies) throw new Error("ECONNRESET");
    return answer;
  };
  return {
    ...store,
    transact: (request, work) => dying(() => store.transact(request, work)),
    transactUnkeyed: (work) => dying(() => store.transactUnkeyed(work)),
  };
}
