import type { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { appDatabase, insertOrder } from "../../../../test/support/app-database.ts";
import { codeOf, first, operation } from "../../../../test/support/engine-bench.ts";
import { memoryStore } from "../stores/memory/index.ts";
import type { TransactionalStore } from "../stores/store.ts";
import type { Work, WorkResult } from "./engine.ts";
import type { ServerEvent } from "./server-event.ts";
import { transactionalEngine } from "./transactional-engine.ts";

const orderWork =
  (item: string, effect: WorkResult["effect"] = "done"): Work<DatabaseSync> =>
  async ({ transaction }) => {
    insertOrder(transaction, item);
    return { effect, result: first };
  };
const never: Work<DatabaseSync> = () => expect.fail("ran again");

function opened(waitMs = 0) {
  const { store, orders, path } = appDatabase();
  const events: ServerEvent[] = [];
  const hear = (event: ServerEvent): void => {
    // How long the store took is not what is tested here.
    if (event.type !== "store-answered" && event.type !== "received") events.push(event);
  };
  const options = { waitMs, onEvent: hear };
  return { store, orders, path, events, options, engine: transactionalEngine(store, options) };
}

test("the first request commits its effect, and every repeat gets its result", async () => {
  const { engine, orders, events } = opened();
  expect(await engine.run(operation, orderWork("tea"))).toEqual({ kind: "executed", result: first });
  expect(await engine.run(operation, never)).toEqual({ kind: "replayed", result: first });
  expect(await engine.run({ ...operation, fingerprint: "g" }, never)).toEqual({ kind: "mismatch" });
  expect(orders()).toEqual(["tea"]);
  expect(events.map((event) => event.type)).toEqual(["executed", "replayed", "mismatch"]);
});

test("of 50 duplicates at once in each of two engines, one runs", async () => {
  const { engine, store, orders } = opened();
  const another = transactionalEngine(store, {});
  const outcomes = await Promise.all(
    Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? engine : another).run(operation, orderWork("tea"))),
  );
  expect(outcomes.filter((outcome) => outcome.kind === "executed")).toHaveLength(1);
  expect(outcomes.every((outcome) => outcome.kind !== "outcome-unknown")).toBe(true);
  expect(orders()).toEqual(["tea"]);
});

test("a duplicate in the same process waits for the running one, when it may", async () => {
  const { engine } = opened(60_000);
  const go = Promise.withResolvers<void>();
  const running = engine.run(operation, async (attempt) => {
    await go.promise;
    return orderWork("tea")(attempt);
  });
  const repeat = engine.run(operation, never);
  go.resolve();
  expect((await running).kind).toBe("executed");
  expect(await repeat).toEqual({ kind: "replayed", result: first });
});

test("a refusal undoes the effect, and is replayed", async () => {
  const { engine, orders } = opened();
  expect((await engine.run(operation, orderWork("tea", "refused"))).kind).toBe("executed");
  expect(await engine.run(operation, never)).toEqual({ kind: "replayed", result: first });
  expect(orders()).toEqual([]);
});

test.for(["none", "unknown"] as const)(
  "work that ends with effect %s is rolled back, and a repeat runs",
  async (effect) => {
    const { engine, orders } = opened();
    expect(await engine.run(operation, orderWork("tea", effect))).toEqual({ kind: "executed", result: first });
    expect(orders()).toEqual([]);
    expect((await engine.run(operation, orderWork("coffee"))).kind).toBe("executed");
    expect(orders()).toEqual(["coffee"]);
  },
);

test("work that throws is rolled back, what it threw is thrown on, and a repeat runs", async () => {
  const { engine, orders, events } = opened();
  const fault = new Error("fault");
  const failing: Work<DatabaseSync> = async (attempt) => {
    await orderWork("tea")(attempt);
    throw fault;
  };
  await expect(engine.run(operation, failing)).rejects.toBe(fault);
  await expect(engine.runUnkeyed("acme", failing)).rejects.toBe(fault);
  expect(events).toMatchObject([
    { type: "handler-failed", scope: "acme", key: "order-7", error: fault },
    { type: "handler-failed", scope: "acme", key: undefined, error: fault },
  ]);
  expect(orders()).toEqual([]);
  expect((await engine.run(operation, orderWork("coffee"))).kind).toBe("executed");
});

test("work that commits by itself is reported as the handler's fault", async () => {
  const { engine, events } = opened();
  const run = engine.run(operation, async (attempt) => {
    attempt.transaction.exec("COMMIT");
    return { effect: "done", result: first };
  });
  expect(await codeOf(run)).toBe("ONCE_HANDLER_FAILED");
  expect(events.map((event) => event.type)).toEqual(["handler-failed"]);
});

test("work without a key commits its effect each time", async () => {
  const { engine, orders } = opened();
  for (let time = 0; time < 2; time += 1) expect(await engine.runUnkeyed("acme", orderWork("tea"))).toEqual(first);
  await engine.runUnkeyed("acme", orderWork("tea", "unknown"));
  expect(orders()).toEqual(["tea", "tea"]);
});

test("a store that fails is reported; whether a commit came before is unknown", async () => {
  const { engine, store, orders, events, options } = opened();
  const failing: TransactionalStore<DatabaseSync> = {
    ...store,
    transact: (request, work) =>
      store.transact(request, async (transaction) => {
        await work(transaction);
        throw new Error("disk full");
      }),
  };
  const doubtful = transactionalEngine(failing, options);
  expect(await codeOf(doubtful.run(operation, orderWork("tea")))).toBe("ONCE_RESULT_UNCONFIRMED");
  expect(events).toEqual([expect.objectContaining({ type: "store-failed", operation: "transact", key: "order-7" })]);
  expect(orders()).toEqual([]);
  // The work rolled this back itself, so it was never committed.
  expect(await codeOf(doubtful.run(operation, orderWork("tea", "unknown")))).toBe("ONCE_STORE_UNAVAILABLE");
  expect((await engine.run(operation, orderWork("coffee"))).kind).toBe("executed");
  await store.close();
  expect(await codeOf(engine.run(operation, never))).toBe("ONCE_STORE_UNAVAILABLE");
});

test("a shutdown waits for what runs, with a key or without, and takes nothing new", async () => {
  const { engine, orders } = opened();
  const go = Promise.withResolvers<void>();
  const late: Work<DatabaseSync> = async (attempt) => {
    await go.promise;
    return orderWork("tea")(attempt);
  };
  const running = [engine.run(operation, late), engine.runUnkeyed("acme", late)];
  const closing = engine.close();
  expect(await codeOf(engine.run({ ...operation, key: "new" }, never))).toBe("ONCE_CLOSED");
  go.resolve();
  await closing;
  expect(orders()).toEqual(["tea", "tea"]);
  await Promise.all(running);
});

test("a store that has no transactions to offer is refused", () => {
  const store = memoryStore() as TransactionalStore<DatabaseSync>;
  expect(() => transactionalEngine(store, {})).toThrow(expect.objectContaining({ code: "ONCE_UNSAFE_PAIR" }));
});
