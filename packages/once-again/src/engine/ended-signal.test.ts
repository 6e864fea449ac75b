import type { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { appDatabase, insertOrder } from "../../../../test/support/app-database.ts";
import { codeOf, engineBench, first, job, leaseMs, operation } from "../../../../test/support/engine-bench.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { OnceAgainError } from "../core/errors.ts";
import type { TransactionalStore } from "../stores/store.ts";
import type { Execution, Work, WorkResult } from "./engine.ts";
import type { ServerEvent } from "./server-event.ts";
import { leasedEngine } from "./leased-engine.ts";
import { transactionalEngine } from "./transactional-engine.ts";

// A framework's time-out or a failed branch of the handler may respond first. Then the handler's signal must abort, its late
// work must have no effect, and the operation must have one outcome for all callers.

const effects = ["done", "refused", "none", "unknown", "held"] as const;

/** Work that ends with an effect, and shows its signal. */
function shown(effect: WorkResult["effect"]) {
  const signals: AbortSignal[] = [];
  const work = async ({ signal }: Pick<Execution<unknown>, "signal">): Promise<WorkResult> => {
    signals.push(signal);
    return { effect, result: first };
  };
  return { work, reason: () => signals.at(-1)?.reason as unknown };
}

const endedReason = (effect: WorkResult["effect"]) =>
  effect === "done" ? undefined : { code: "ONCE_OPERATION_ENDED" };
const expectReason = (reason: unknown, effect: WorkResult["effect"]): void => {
  if (effect === "done") expect(reason).toBeUndefined();
  else expect(reason).toMatchObject(endedReason(effect)!);
};

describe("the signal of a handler that may be at work still", () => {
  test.for(effects)("leased, effect %s: aborts unless it is a success", async (effect) => {
    const { run } = engineBench();
    const { work, reason } = shown(effect);
    await run(work);
    expectReason(reason(), effect);
  });

  test.for(effects)("in a transaction, effect %s: aborts unless it is a success", async (effect) => {
    const { store } = appDatabase();
    const { work, reason } = shown(effect);
    await transactionalEngine(store, {}).run(operation, work);
    expectReason(reason(), effect);
  });

  test.for(effects)("without a key, effect %s: aborts unless it is a success", async (effect) => {
    const { store } = appDatabase();
    for (const engine of [leasedEngine(memoryStore(), {}), transactionalEngine(store, {})]) {
      const { work, reason } = shown(effect);
      await engine.runUnkeyed("acme", work);
      expectReason(reason(), effect);
    }
  });

  test("aborts when one of its branches threw", async () => {
    const { store } = appDatabase();
    const bench = engineBench();
    const signals: AbortSignal[] = [];
    const failing = async ({ signal }: Pick<Execution<unknown>, "signal">): Promise<never> => {
      signals.push(signal);
      throw new Error("one branch");
    };
    await codeOf(bench.run(failing));
    await codeOf(transactionalEngine(store, {}).run(operation, failing));
    expect(signals.map(({ reason }) => (reason as OnceAgainError).code)).toEqual(Array(2).fill("ONCE_OPERATION_ENDED"));
  });

  test("aborts when its transaction was not committed as it was asked for", async () => {
    const { store } = appDatabase();
    const { work, reason } = shown("done");
    const failing: TransactionalStore<DatabaseSync> = {
      ...store,
      transact: (request, run) =>
        store.transact(request, async (transaction) => {
          await run(transaction);
          throw new Error("disk full");
        }),
    };
    expect(await codeOf(transactionalEngine(failing, {}).run(operation, work))).toBe("ONCE_RESULT_UNCONFIRMED");
    expect(reason()).toMatchObject({ code: "ONCE_OPERATION_ENDED" });
  });
});

describe("quiesceMs", () => {
  test("counts from the end of the lease that a live worker has, not from an answer that was not its own", async () => {
    const bench = engineBench({ onUnknown: "rerun", quiesceMs: 200 });
    expect(await bench.run(shown("unknown").work)).toBe("executed 1,2,3");
    await bench.clock.advance(leaseMs + 199);
    expect(await bench.run(() => expect.fail("ran too early"))).toBe("in-progress");
    await bench.clock.advance(1);
    expect(await bench.run(job().work)).toBe("executed 1,2,3");
  });

  test("of 0 has the operation run again at once", async () => {
    const bench = engineBench({ onUnknown: "rerun" });
    await bench.run(shown("unknown").work);
    expect(await bench.run(job({ result: Uint8Array.of(9) }).work)).toBe("executed 9");
  });
});

describe("the one event of a request that ran", () => {
  const kinds = (events: readonly ServerEvent[]) =>
    events.map(({ type }) => type).filter((type) => type !== "store-answered" && type !== "received");
  const cases = [
    ["done", "executed", "executed"],
    ["refused", "executed", "executed"],
    ["none", "released", "released"],
    ["unknown", "handler-failed", "handler-failed"],
    ["held", "outcome-unknown", "released"],
  ] as const;

  test.for(cases)("effect %s: leased %s, in a transaction %s", async ([effect, leased, transactional]) => {
    for (const onUnknown of ["hold", "rerun"] as const) {
      const { run, events } = engineBench({ onUnknown });
      await run(shown(effect).work);
      expect(kinds(events), onUnknown).toEqual([leased]);
    }
    const events: ServerEvent[] = [];
    const { store } = appDatabase();
    const engine = transactionalEngine(store, { onEvent: (event) => events.push(event) });
    await engine.run(operation, shown(effect).work);
    expect(kinds(events)).toEqual([transactional]);
  });

  test("work without effect of an operation that an earlier attempt may have executed is abandoned", async () => {
    const { run, events } = engineBench({ onUnknown: "rerun" });
    await run(shown("unknown").work);
    await run(shown("none").work);
    expect(kinds(events)).toEqual(["handler-failed", "abandoned"]);
  });

  test("the error of a handler that failed is reported", async () => {
    const { run, events } = engineBench();
    const cause = new Error("fault");
    await run(async () => ({ effect: "unknown", result: first, cause }));
    await run(shown("unknown").work, "one", { key: "other" });
    const errors = events.flatMap((event) => (event.type === "handler-failed" ? [event.error] : []));
    expect(errors).toEqual([cause, expect.objectContaining({ code: "ONCE_HANDLER_FAILED" })]);
  });

  test("work that ends late, after its time, is not reported again", async () => {
    const { clock, run, events } = engineBench({ handlerMsMax: 500 });
    const end = Promise.withResolvers<void>();
    const running = codeOf(
      run(async () => {
        await end.promise;
        throw new Error("late");
      }),
    );
    await clock.advance(500);
    expect(await running).toBe("ONCE_HANDLER_TIMEOUT");
    end.resolve();
    await clock.advance(1);
    expect(kinds(events)).toEqual(["handler-failed"]);
  });
});

test("a store that found its transaction ended by the handler holds the key, and the caller learns that it is held", async () => {
  const { store, orders } = appDatabase();
  const errors: unknown[] = [];
  const ended = new OnceAgainError("ONCE_OUTCOME_UNKNOWN", "The handler ended the transaction by itself.");
  const finding: TransactionalStore<DatabaseSync> = {
    ...store,
    transact: async (request, run) => {
      await store.transact(request, run).catch(() => undefined);
      throw ended;
    },
  };
  const events: ServerEvent[] = [];
  const engine = transactionalEngine(finding, {
    onError: (error) => errors.push(error),
    onEvent: (event) => events.push(event),
  });
  for (const effect of ["done", "unknown"] as const) {
    const work: Work<DatabaseSync> = async ({ transaction }) => {
      insertOrder(transaction, "tea");
      if (effect === "unknown") throw new Error("and then it failed");
      return { effect, result: first };
    };
    expect(await engine.run({ ...operation, key: effect }, work)).toEqual({ kind: "outcome-unknown" });
  }
  expect(errors).toEqual([ended, ended]);
  expect(events.map(({ type }) => type).filter((type) => type !== "received")).toEqual([
    "outcome-unknown",
    "outcome-unknown",
  ]);
  expect(orders()).toEqual(["tea"]);
});

test("the records of a store that has nothing to forget are asked for less and less often", async () => {
  const bench = engineBench();
  let purges = 0;
  bench.store.purge = async () => ((purges += 1), 0);
  for (let key = 0; key < 1000; key += 1) await bench.run(job().work, "one", { key: String(key) });
  // After 100, 200, 300, then every 200: 500, 700, 900.
  expect(purges).toBe(6);
});
