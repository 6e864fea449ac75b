import type { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { appDatabase, insertOrder } from "../../../../test/support/app-database.ts";
import { codeOf, engineBench, first, job, leaseMs, operation } from "../../../../test/support/engine-bench.ts";
import { systemClock } from "../core/system-clock.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import type { Execution } from "./engine.ts";
import { leasedEngine } from "./leased-engine.ts";
import { transactionalEngine } from "./transactional-engine.ts";

const handlerMsMax = 5 * leaseMs;
const forever = new Promise<void>(() => undefined);

describe("a leased handler that does not end in its time", () => {
  test("gets an abort, its caller a response, and its key is held from the end of its lease", async () => {
    const { clock, events, run, store } = engineBench({ handlerMsMax });
    let signal: AbortSignal | undefined;
    const running = codeOf(
      run(async (attempt) => {
        ({ signal } = attempt);
        await forever;
        return { effect: "done", result: first };
      }),
    );
    await clock.advance(handlerMsMax - 1);
    expect(signal?.aborted).toBe(false);
    await clock.advance(1);
    expect(await running).toBe("ONCE_HANDLER_TIMEOUT");
    expect(signal?.reason).toMatchObject({ code: "ONCE_HANDLER_TIMEOUT" });
    expect(events.at(-1)).toMatchObject({ type: "handler-failed", error: { code: "ONCE_HANDLER_TIMEOUT" } });
    expect(await run(job().work)).toBe("in-progress");
    await clock.advance(leaseMs);
    expect(clock.pending).toBe(0);
    expect((await store.inspect(operation))?.state).toBe("abandoned");
    for (const process of ["one", "another"]) expect(await run(job().work, process)).toBe("outcome-unknown");
  });

  test("runs again where the route says so, and a late first one changes nothing", async () => {
    const { clock, run } = engineBench({ handlerMsMax, onUnknown: "rerun" });
    const end = Promise.withResolvers<void>();
    const running = codeOf(run(job({}, end.promise).work));
    await clock.advance(handlerMsMax);
    expect(await running).toBe("ONCE_HANDLER_TIMEOUT");
    await clock.advance(leaseMs);
    expect(await run(job({ result: Uint8Array.of(9) }).work)).toBe("executed 9");
    end.resolve();
    await clock.advance(1);
    expect(await run(job().work)).toBe("replayed 9");
  });

  test("keeps its result all the same when it ends at last and the key is still its own", async () => {
    const { clock, run } = engineBench({ handlerMsMax });
    const end = Promise.withResolvers<void>();
    const running = codeOf(run(job({}, end.promise).work));
    await clock.advance(handlerMsMax + leaseMs);
    expect(await running).toBe("ONCE_HANDLER_TIMEOUT");
    end.resolve();
    await clock.advance(1);
    expect(await run(job().work)).toBe("replayed 1,2,3");
  });

  test("does not keep a shutdown waiting", async () => {
    const { clock, close, run } = engineBench({ handlerMsMax });
    const running = codeOf(run(job({}, forever).work));
    const closing = close();
    await clock.advance(handlerMsMax);
    await closing;
    expect(await running).toBe("ONCE_HANDLER_TIMEOUT");
  });
});

test("the time of a handler ends with it, not with the store that keeps its result", async () => {
  const { clock, run, store } = engineBench({ handlerMsMax, storeMsMax: 10 * handlerMsMax });
  const complete = store.complete.bind(store);
  store.complete = async (request) => {
    await clock.advance(2 * handlerMsMax);
    return complete(request);
  };
  expect(await run(job().work)).toBe("executed 1,2,3");
});

describe("a handler in a transaction that does not end in its time", () => {
  function opened() {
    const clock = fakeClock();
    // The store waits in real time.
    const { store, orders } = appDatabase({ clock: systemClock });
    const engine = transactionalEngine(store, { clock, handlerMsMax });
    const given: DatabaseSync[] = [];
    const begun = Promise.withResolvers<void>();
    const hanging = async ({ transaction }: Execution<DatabaseSync>): Promise<never> => {
      insertOrder(transaction, "tea");
      given.push(transaction);
      begun.resolve();
      await forever;
      return expect.fail("went on");
    };
    const next = async ({ transaction }: Execution<DatabaseSync>) => {
      expect(() => insertOrder(given[0]!, "late")).toThrow(expect.objectContaining({ code: "ONCE_OPERATION_ENDED" }));
      insertOrder(transaction, "coffee");
      return { effect: "done", result: first } as const;
    };
    return { clock, store, engine, orders, begun: begun.promise, hanging, next };
  }

  test("is rolled back, can write no more, and leaves the connection to the next", async () => {
    const { begun, clock, engine, hanging, next, orders, store } = opened();
    const running = codeOf(engine.run(operation, hanging));
    await begun;
    await clock.advance(handlerMsMax);
    expect(await running).toBe("ONCE_HANDLER_TIMEOUT");
    expect([orders(), await store.inspect(operation)]).toEqual([[], undefined]);
    expect((await engine.run(operation, next)).kind).toBe("executed");
    expect(orders()).toEqual(["coffee"]);
  });

  test("is given up as well when its request brought no key", async () => {
    const { begun, clock, engine, hanging, next, orders } = opened();
    const running = codeOf(engine.runUnkeyed("acme", hanging));
    await begun;
    await clock.advance(handlerMsMax);
    expect(await running).toBe("ONCE_HANDLER_TIMEOUT");
    await engine.runUnkeyed("acme", next);
    expect(orders()).toEqual(["coffee"]);
  });
});

test("a step's transaction ends with the time of its handler", async () => {
  const clock = fakeClock();
  const { store, orders } = appDatabase({ clock: systemClock });
  const engine = leasedEngine(store, { clock, handlerMsMax });
  const begun = Promise.withResolvers<void>();
  const running = codeOf(
    engine.run(operation, async ({ step }) => {
      await step.transaction("order", async (transaction: DatabaseSync) => {
        insertOrder(transaction, "tea");
        begun.resolve();
        await forever;
      });
      return { effect: "done", result: first };
    }),
  );
  await begun.promise;
  await clock.advance(handlerMsMax);
  expect(await running).toBe("ONCE_HANDLER_TIMEOUT");
  expect((await engine.run({ ...operation, key: "next" }, job().work)).kind).toBe("executed");
  expect(orders()).toEqual([]);
});
