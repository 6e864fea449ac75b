import { expect, test } from "vitest";
import { engineBench, first, job, leaseMs } from "../../../../test/support/engine-bench.ts";
import { isPromise } from "../core/awaitable.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { runningOperations } from "./running-operations.ts";

// Duplicates of one process: joined without asking the store, and never compared with a request that may be wrong itself.

const never = (): never => expect.fail("ran");

/** Runs so many duplicates at once, and one operation in front of them. */
async function duplicates(count: number, effect: "done" | "none" = "done") {
  const bench = engineBench({ waitMs: 5000, leaseMs: 30_000 });
  const go = Promise.withResolvers<void>();
  const running = bench.run(job({ effect }, go.promise).work);
  const next = job({ result: Uint8Array.of(9) });
  const repeats = Array.from({ length: count }, () => bench.run(next.work));
  await bench.clock.advance(1000);
  go.resolve();
  await bench.clock.advance(50);
  const counts = new Map<string, number>();
  for (const outcome of await Promise.all([running, ...repeats])) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return {
    counts: Object.fromEntries(counts),
    asked: bench.store.asked,
    runs: next.runs,
    pending: bench.clock.pending,
  };
}

test.for([10, 100, 1000, 10_000])(
  "%i duplicates that wait get the result of the first, without a call of the store",
  async (count) => {
    expect(await duplicates(count)).toEqual({
      counts: { "executed 1,2,3": 1, "replayed 1,2,3": count },
      asked: ["claim", "complete"],
      runs: 0,
      pending: 0,
    });
  },
);

test("when the first leaves no answer behind, one of 10,000 goes on, and answers the others", async () => {
  expect(await duplicates(10_000, "none")).toEqual({
    counts: { "executed 1,2,3": 1, "executed 9": 1, "replayed 9": 9999 },
    asked: ["claim", "release", "claim", "complete"],
    runs: 1,
    pending: 0,
  });
});

test("the result of a key that was released answers no other request, also when the store's confirmation was lost", async () => {
  const bench = engineBench({ waitMs: 2000 });
  bench.store.fail("release", "after", 1);
  const running = bench.run(job({ effect: "none" }).work);
  const repeat = bench.run(job({ result: Uint8Array.of(9) }).work);
  await bench.clock.advance(1000);
  expect([await running, await repeat]).toEqual(["executed 1,2,3", "executed 9"]);
  const kinds = bench.events.map(({ type }) => type).filter((type) => type !== "store-answered");
  expect(kinds).toEqual(["released", "executed"]);
});

test("10,000 that wait under one key stop neither others nor other keys, and one more is answered at once", async () => {
  const clock = fakeClock();
  const running = runningOperations(clock, 5000);
  const enter = (key: string) => running.enter({ scope: "s", key, fingerprint: "f" });
  const outcomeOf = async (key: string): Promise<string> => {
    const entry = await enter(key);
    return "outcome" in entry ? entry.outcome.kind : "ran";
  };
  const firsts = ["a", "b", "c"].map((key) => enter(key) as Exclude<ReturnType<typeof enter>, Promise<unknown>>);
  for (const one of firsts) running.confirm(one);
  const waiting = (key: string, count: number) => Array.from({ length: count }, () => outcomeOf(key));
  const ofA = waiting("a", 10_000);
  expect(await outcomeOf("a")).toBe("in-progress");
  const ofB = waiting("b", 10_000);
  // A new key never waits; a repeat has a place again when others have left.
  expect(isPromise(enter("d"))).toBe(false);
  expect(await outcomeOf("c")).toBe("in-progress");
  const end = { outcome: { kind: "executed", result: Uint8Array.of(1) }, isStored: true, event: "executed" } as const;
  running.leave(firsts[0]!, end);
  expect(new Set(await Promise.all(ofA))).toEqual(new Set(["replayed"]));
  const later = outcomeOf("c");
  running.leave(firsts[2]!, end);
  expect(await later).toBe("replayed");
  running.leave(firsts[1]!, end);
  expect(new Set(await Promise.all(ofB))).toEqual(new Set(["replayed"]));
  expect(clock.pending).toBe(0);
});

test("duplicates that may not wait, or not any longer, get in-progress", async () => {
  const bench = engineBench({ waitMs: 300 });
  const go = Promise.withResolvers<void>();
  const running = bench.run(job({}, go.promise).work);
  const repeats = [bench.run(never), bench.run(never)];
  await bench.clock.advance(300);
  expect(await Promise.all(repeats)).toEqual(["in-progress", "in-progress"]);
  go.resolve();
  expect(await running).toBe("executed 1,2,3");
  expect(bench.clock.pending).toBe(0);
});

test("simultaneous repeats of a stored result all get it, though none may wait", async () => {
  const bench = engineBench({ waitMs: 0 });
  await bench.run(job().work);
  const repeats = Array.from({ length: 50 }, () => bench.run(never));
  expect(new Set(await Promise.all(repeats))).toEqual(new Set(["replayed 1,2,3"]));
  expect(bench.store.asked).toEqual(["claim", "complete", "claim"]);
});

test("while an operation runs, its repeats get in-progress at once, however many", async () => {
  const bench = engineBench({ waitMs: 0 });
  const go = Promise.withResolvers<void>();
  const running = bench.run(job({}, go.promise).work);
  const early = Array.from({ length: 50 }, () => bench.run(never));
  expect(new Set(await Promise.all(early))).toEqual(new Set(["in-progress"]));
  expect(await bench.run(never)).toBe("in-progress");
  go.resolve();
  expect(await running).toBe("executed 1,2,3");
  expect(bench.store.asked).toEqual(["claim", "complete"]);
});

test.for([0, 300])("repeats wait for a silent store once, and not one behind the other (waitMs %i)", async (waitMs) => {
  const bench = engineBench({ waitMs, storeMsMax: 1000 });
  bench.store.fail("claim", "silent");
  const code = (error: { code: string }): string => error.code;
  const outcomes = Array.from({ length: 50 }, () => bench.run(never).catch(code));
  await bench.clock.advance(900);
  expect(await Promise.race([...outcomes, Promise.resolve("none")])).toBe("none");
  await bench.clock.advance(100);
  const inProgress = Array.from({ length: 48 }, () => "in-progress");
  expect(await Promise.all([outcomes[0], ...outcomes.slice(2)])).toEqual(["ONCE_STORE_UNAVAILABLE", ...inProgress]);
  await bench.clock.advance(1000);
  expect(await outcomes[1]).toBe("ONCE_STORE_UNAVAILABLE");
});

test.for([0, 2000])(
  "a stray request under a used key, in front of right ones, refuses none (waitMs %i)",
  async (waitMs) => {
    const bench = engineBench({ waitMs });
    await bench.run(job().work);
    const stray = bench.run(never, "one", { fingerprint: "g" });
    const right = Array.from({ length: 4 }, () => bench.run(never));
    await bench.clock.advance(1);
    expect(await stray).toBe("mismatch");
    const outcomes = await Promise.all(right);
    expect(outcomes).not.toContain("mismatch");
    expect(outcomes[0]).toBe("replayed 1,2,3");
  },
);

test.for([0, 2000])("a stray request beside one that runs elsewhere refuses none (waitMs %i)", async (waitMs) => {
  const bench = engineBench({ waitMs });
  const go = Promise.withResolvers<void>();
  const running = bench.run(job({}, go.promise).work, "another");
  await bench.clock.advance(0);
  const stray = bench.run(never, "one", { fingerprint: "g" });
  const right = bench.run(never);
  await bench.clock.advance(leaseMs / 2);
  go.resolve();
  await bench.clock.advance(100);
  expect(await stray).toBe("mismatch");
  expect(await right).toBe(waitMs === 0 ? "in-progress" : "replayed 1,2,3");
  expect(await running).toBe("executed 1,2,3");
});

test("a stray request is a mismatch as soon as the store has said which request has the key, however long the work takes", async () => {
  const bench = engineBench({ waitMs: 2000 });
  const go = Promise.withResolvers<void>();
  const running = bench.run(job({}, go.promise).work);
  const stray = bench.run(never, "one", { fingerprint: "g" });
  expect(await stray).toBe("mismatch");
  go.resolve();
  await running;
  expect(bench.store.asked).toEqual(["claim", "complete"]);
});

test("a key that its first request gave back is another's, who waited for it", async () => {
  const bench = engineBench({ waitMs: 2000 });
  bench.store.fail("claim", "before", 2);
  const down = bench.run(never).catch((error: { code: string }) => error.code);
  const other = bench.run(job().work, "one", { fingerprint: "g" });
  await bench.clock.advance(1000);
  expect(await down).toBe("ONCE_STORE_UNAVAILABLE");
  expect(await other).toBe("executed 1,2,3");
});

test("those who wait at a shutdown end with it, when the one they wait for leaves no result", async () => {
  const bench = engineBench({ waitMs: 2000 });
  const go = Promise.withResolvers<void>();
  const running = bench.run(job({ effect: "none", result: first }, go.promise).work);
  const repeats = [1, 2, 3].map(() => bench.run(never).catch((error: { code: string }) => error.code));
  const closing = bench.close();
  go.resolve();
  expect(await running).toBe("executed 1,2,3");
  expect(await Promise.all(repeats)).toEqual(["ONCE_CLOSED", "ONCE_CLOSED", "ONCE_CLOSED"]);
  await closing;
  expect(bench.clock.pending).toBe(0);
});

test("an operation that leaves twice takes no other's place away", async () => {
  const clock = fakeClock();
  const operations = runningOperations(clock, 5000);
  const operation = { scope: "acme", key: "k", fingerprint: "f" };
  const [one, other] = [operations.enter(operation), operations.enter(operation)];
  if (isPromise(one)) expect.fail("it waits");
  operations.leave(one, undefined);
  const next = await other;
  if ("outcome" in next) expect.fail("it has an outcome");
  operations.leave(one, undefined);
  expect(isPromise(operations.enter(operation))).toBe(true);
  operations.leave(next, undefined);
});
