import { describe, expect, test, vi } from "vitest";
import {
  type Bench,
  codeOf,
  engineBench,
  first,
  job,
  leaseMs,
  operation,
} from "../../../../test/support/engine-bench.ts";
import { memoryStore } from "../stores/memory/index.ts";
import type { Execution } from "./engine.ts";
import { leasedEngine } from "./leased-engine.ts";

test("what is no operation rejects, as every other failure does", async () => {
  const engine = leasedEngine(memoryStore(), {});
  await expect(engine.run(undefined as never, () => expect.fail("ran"))).rejects.toThrow(TypeError);
});

describe("one key, one effect", () => {
  test("the first request runs it, and every repeat gets its result", async () => {
    const { run, store } = engineBench();
    const { work } = job();
    expect(await run(work)).toBe("executed 1,2,3");
    expect(store.asked).toEqual(["claim", "complete"]);
    for (const process of ["one", "another"]) {
      expect(await run(() => expect.fail("ran again"), process)).toBe("replayed 1,2,3");
    }
  });

  test("the work gets its execution", async () => {
    const { run, clock } = engineBench();
    let execution: Execution | undefined;
    await run(async (attempt) => {
      execution = attempt;
      return { effect: "done", result: first };
    });
    expect(execution).toMatchObject({
      scope: "acme",
      key: "order-7",
      attempt: 1,
      fence: clock.now(),
      transaction: undefined,
    });
    expect(execution?.signal.aborted).toBe(false);
    expect(clock.pending).toBe(0);
  });

  test("of 50 duplicates at once in each of two processes, one runs", async () => {
    const { run } = engineBench();
    const one = job();
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, index) => run(one.work, index % 2 === 0 ? "one" : "another")),
    );
    expect(one.runs).toBe(1);
    expect(outcomes.filter((outcome) => outcome === "executed 1,2,3")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "in-progress")).toHaveLength(99);
    expect(await run(one.work)).toBe("replayed 1,2,3");
  });

  test("another request with the key is a mismatch, while it runs and after it, in every process", async () => {
    const { run } = engineBench();
    const go = Promise.withResolvers<void>();
    const running = run(job({}, go.promise).work);
    const other = (process: string) => run(() => expect.fail("ran"), process, { fingerprint: "g" });
    expect(await other("one")).toBe("mismatch");
    expect(await other("another")).toBe("mismatch");
    go.resolve();
    await running;
    expect(await other("one")).toBe("mismatch");
    expect(await other("another")).toBe("mismatch");
  });

  test("the same key in another scope is another operation", async () => {
    const { run } = engineBench();
    const each = job();
    for (const scope of ["acme", "acme/eu", ""]) expect(await run(each.work, "one", { scope })).toBe("executed 1,2,3");
    expect(each.runs).toBe(3);
  });

  test("a duplicate in the same process gets in-progress without a call of the store", async () => {
    const { run, store } = engineBench();
    const go = Promise.withResolvers<void>();
    const running = run(job({}, go.promise).work);
    expect(await run(() => expect.fail("ran"))).toBe("in-progress");
    expect(store.asked).toEqual(["claim"]);
    go.resolve();
    await running;
  });

  test("a refusal that is stored is replayed", async () => {
    const { run } = engineBench();
    expect(await run(job({ effect: "refused" }).work)).toBe("executed 1,2,3");
    expect(await run(() => expect.fail("ran again"))).toBe("replayed 1,2,3");
  });

  test("work without a key runs as often as it is sent", async () => {
    const engine = leasedEngine(memoryStore(), {});
    const each = job();
    for (let time = 0; time < 2; time += 1) expect(await engine.runUnkeyed("acme", each.work)).toEqual(first);
    expect(each.runs).toBe(2);
  });
});

describe("waiting for the running one", () => {
  test.for(["one", "another"])("a repeat in process %s gets its result when it ends in time", async (process) => {
    const { run, clock } = engineBench({ waitMs: 500 });
    const go = Promise.withResolvers<void>();
    const running = run(job({}, go.promise).work);
    const repeats = Array.from({ length: 5 }, () => run(() => expect.fail("ran again"), process));
    await clock.advance(400);
    go.resolve();
    await clock.advance(50);
    expect(await running).toBe("executed 1,2,3");
    expect(await Promise.all(repeats)).toEqual(Array.from({ length: 5 }, () => "replayed 1,2,3"));
    expect(clock.pending).toBe(0);
  });

  test.for(["one", "another"])("a repeat in process %s gets in-progress when it does not", async (process) => {
    const { run, clock } = engineBench({ waitMs: 500 });
    const go = Promise.withResolvers<void>();
    const running = run(job({}, go.promise).work);
    let outcome: string | undefined;
    void run(() => expect.fail("ran again"), process).then((kind) => (outcome = kind));
    await clock.advance(499);
    expect(outcome).toBeUndefined();
    await clock.advance(1);
    expect(outcome).toBe("in-progress");
    go.resolve();
    await running;
    expect(clock.pending).toBe(0);
  });

  test("when the running one had no effect, one that waits runs it, and the others get its result", async () => {
    const { run, clock } = engineBench({ waitMs: 500 });
    const go = Promise.withResolvers<void>();
    const running = run(job({ effect: "none", result: Uint8Array.of(0) }, go.promise).work);
    const next = job();
    const repeats = Array.from({ length: 5 }, () => run(next.work));
    go.resolve();
    await clock.advance(100);
    expect(await running).toBe("executed 0");
    expect((await Promise.all(repeats)).toSorted()).toEqual([
      "executed 1,2,3",
      ...Array.from({ length: 4 }, () => "replayed 1,2,3"),
    ]);
    expect(next.runs).toBe(1);
  });
});

describe("when the outcome is unknown", () => {
  const fault = new Error("fault");
  const failing = async (): Promise<never> => {
    throw fault;
  };

  test("hold: work that threw is never run again", async () => {
    const { run, events } = engineBench();
    await expect(run(failing)).rejects.toBe(fault);
    expect(events).toContainEqual(expect.objectContaining({ type: "handler-failed", key: "order-7", error: fault }));
    for (const process of ["one", "another"]) {
      expect(await run(() => expect.fail("ran again"), process)).toBe("outcome-unknown");
    }
  });

  test("hold: a failure that was sent is stored and replayed", async () => {
    const { run } = engineBench();
    expect(await run(job({ effect: "unknown" }).work)).toBe("executed 1,2,3");
    expect(await run(() => expect.fail("ran again"))).toBe("replayed 1,2,3");
  });

  test("hold: after a crash it is in progress until the lease is over, then unknown for ever", async () => {
    const { run, clock, store } = engineBench({ retentionMs: 10_000 });
    await store.claim({ ...operation, owner: "crashed", leaseMs, retentionMs: 10_000 });
    const repeat = (): Promise<string> => run(() => expect.fail("ran again"));
    await clock.advance(leaseMs - 1);
    expect(await repeat()).toBe("in-progress");
    await clock.advance(1);
    expect(await repeat()).toBe("outcome-unknown");
    await clock.advance(1e11);
    expect(await store.purge({ limit: 10 })).toBe(0);
    expect(await repeat()).toBe("outcome-unknown");
  });

  test("hold: work that fails is held for ever, or as long as heldRetentionMs says", async () => {
    for (const [options, later] of [
      [{}, "outcome-unknown"],
      [{ heldRetentionMs: 10_000 }, "executed 1,2,3"],
    ] as const) {
      const { run, clock } = engineBench({ retentionMs: 10_000, ...options });
      await codeOf(run(failing));
      await clock.advance(9999);
      expect(await run(() => expect.fail("ran again"))).toBe("outcome-unknown");
      await clock.advance(1);
      expect(await run(job().work)).toBe(later);
    }
  });

  test("hold: what a person settled is replayed, or runs afresh", async () => {
    const { run, store } = engineBench();
    const settle = (settlement: Parameters<typeof store.resolve>[0]["settlement"]): Promise<boolean> =>
      store.resolve({ scope: "acme", key: "order-7", settlement });
    await codeOf(run(failing));
    expect(await settle({ as: "not-executed" })).toBe(true);
    await codeOf(run(failing));
    expect(await settle({ as: "done", result: Uint8Array.of(9), retentionMs: 10_000 })).toBe(true);
    expect(await run(() => expect.fail("ran again"))).toBe("replayed 9");
  });

  test("rerun: work that threw, or answered with a failure, is run again, as attempt 2", async () => {
    const { run } = engineBench({ onUnknown: "rerun" });
    await expect(run(failing)).rejects.toBe(fault);
    expect(await run(job({ effect: "unknown" }).work)).toBe("executed 1,2,3");
    const attempts: [attempt: number, fence: number][] = [];
    const work = async ({ attempt, fence }: Execution) => {
      attempts.push([attempt, fence]);
      return { effect: "done", result: first } as const;
    };
    expect(await run(work, "another")).toBe("executed 1,2,3");
    expect(attempts).toEqual([[3, 1_700_000_000_002]]);
    expect(await run(work)).toBe("replayed 1,2,3");
  });

  test("rerun: after a crash it is in progress until the lease is over, then run again", async () => {
    const { run, clock, store } = engineBench({ onUnknown: "rerun" });
    await store.claim({ ...operation, owner: "crashed", leaseMs, retentionMs: 10_000 });
    await clock.advance(leaseMs - 1);
    expect(await run(() => expect.fail("ran too early"))).toBe("in-progress");
    await clock.advance(1);
    expect(await run(job().work)).toBe("executed 1,2,3");
  });

  test("work that had no effect gives its key back, and a repeat runs afresh", async () => {
    for (const onUnknown of ["hold", "rerun"] as const) {
      const { run, store } = engineBench({ onUnknown });
      expect(await run(job({ effect: "none" }).work)).toBe("executed 1,2,3");
      expect(await store.inspect(operation)).toBeUndefined();
      expect(await run(job({ result: Uint8Array.of(4) }).work)).toBe("executed 4");
    }
  });
});

test("work that had no effect does not undo what an earlier attempt or a step of it did", async () => {
  for (const before of [
    (run: Bench["run"]) => run(job({ effect: "unknown" }).work),
    (run: Bench["run"]) =>
      run(async ({ step }) => {
        await step.once(
          "mail",
          async () => 1,
          async () => "unknown",
        );
        return { effect: "none", result: first };
      }),
  ]) {
    const { run, store } = engineBench({ onUnknown: "rerun" });
    await before(run);
    // It may have happened before, so the caller must not learn that nothing happened.
    expect(await run(job({ effect: "none" }).work)).toBe("in-progress");
    expect((await store.inspect(operation))?.state).toBe("abandoned");
    const work = async ({ attempt, abandoned }: Execution) =>
      ({ effect: "done", result: Uint8Array.of(attempt, Number(abandoned)) }) as const;
    expect(await run(work)).toBe("executed 3,1");
  }
});

test("work is not begun on a claim that took as long to be granted as it lasts", async () => {
  const { run, clock, store } = engineBench({ storeMsMax: 10 * leaseMs });
  const claim = store.claim.bind(store);
  store.claim = async (request) => {
    await clock.advance(leaseMs);
    return claim(request);
  };
  expect(await codeOf(run(() => expect.fail("began")))).toBe("ONCE_STORE_UNAVAILABLE");
  expect(await store.inspect(operation)).toBeUndefined();
});

test("now and then, expired records are removed behind an operation", async () => {
  const { run, clock, store } = engineBench({ retentionMs: leaseMs + 1 });
  const purged = vi.spyOn(store, "purge");
  for (let key = 0; key < 100; key += 1) await run(job().work, "one", { key: String(key) });
  expect(await purged.mock.results[0]?.value).toBe(0);
  await clock.advance(leaseMs + 1);
  for (let key = 0; key < 100; key += 1) await run(job().work, "one", { key: `later ${key}` });
  expect(await purged.mock.results[1]?.value).toBe(100);
});

test("rerun, and quiesceMs: repeats get in-progress until the lease has been over for so long", async () => {
  const { run, clock, store } = engineBench({ onUnknown: "rerun", quiesceMs: 500 });
  await store.claim({ ...operation, owner: "crashed", leaseMs, retentionMs: 10_000 });
  await clock.advance(leaseMs + 499);
  expect(await run(() => expect.fail("ran too early"))).toBe("in-progress");
  await clock.advance(1);
  expect(await run(job().work)).toBe("executed 1,2,3");
});

test("rerun on a store that can lose claims is refused, unless duplicates are acknowledged", () => {
  const unsafe = { onUnknown: "rerun" } as const;
  expect(() => leasedEngine(memoryStore(), unsafe)).toThrow(expect.objectContaining({ code: "ONCE_UNSAFE_PAIR" }));
  expect(() => leasedEngine(memoryStore(), { ...unsafe, acknowledgeDuplicates: true })).not.toThrow();
  expect(() => leasedEngine({ ...memoryStore(), survivesFailover: "yes" }, unsafe)).not.toThrow();
});

describe("a shutdown", () => {
  test("waits for what runs, with a key or without, and takes nothing new", async () => {
    const engine = leasedEngine(memoryStore(), {});
    const [keyed, unkeyed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const running = [
      engine.run(operation, job({}, keyed.promise).work),
      engine.runUnkeyed("acme", job({}, unkeyed.promise).work),
    ];
    let closed = false;
    const closing = engine.close().then(() => (closed = true));
    expect(await codeOf(engine.run({ ...operation, key: "new" }, job().work))).toBe("ONCE_CLOSED");
    expect(await codeOf(Promise.resolve().then(() => engine.runUnkeyed("acme", job().work)))).toBe("ONCE_CLOSED");
    keyed.resolve();
    await running[0];
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    unkeyed.resolve();
    await closing;
    await Promise.all(running);
  });

  test("an idle engine is closed at once, and may be closed twice", async () => {
    const { run, close } = engineBench();
    await close();
    await close();
    expect(await codeOf(run(job().work))).toBe("ONCE_CLOSED");
  });
});

test("options that make no sense are refused", () => {
  for (const options of [
    { leaseMs: 99 },
    { leaseMs: 1000 / 3 },
    { leaseMs: 86_400_001 },
    { leaseMs: 1000, retentionMs: 1000 },
    { leaseMs: 1000, heldRetentionMs: 1000 },
    { heldRetentionMs: Infinity },
    { retentionMs: Infinity },
    { waitMs: -1 },
    { storeMsMax: 0 },
    { onUnknown: "retry" as "rerun" },
  ]) {
    expect(() => leasedEngine(memoryStore(), options)).toThrow(
      expect.objectContaining({ code: "ONCE_OPTION_INVALID" }),
    );
  }
});
