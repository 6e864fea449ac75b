import { describe, expect, test } from "vitest";
import { job, leaseMs, operation } from "../../../../test/support/engine-bench.ts";
import type { Clock } from "../core/clock.ts";
import { memoryStore } from "../stores/memory/index.ts";
import type { Store } from "../stores/store.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { leasedEngine } from "./leased-engine.ts";
import { runWork } from "./run-work.ts";

const hourMs = 3_600_000;
const retentionMs = 2 * leaseMs;

/** Servers with wrong wall clocks, on one store, which has its own clock. */
function bench() {
  const clock = fakeClock(1_700_000_000_000);
  const store: Store = memoryStore({ clock });
  const server = (offMs: () => number) => {
    const skewed: Clock = {
      now: () => clock.now() + offMs(),
      monotonic: () => clock.monotonic(),
      timer: (delayMs, callback) => clock.timer(delayMs, callback),
    };
    return leasedEngine(store, {
      waitMs: 0,
      clock: skewed,
      leaseMs,
      retentionMs,
      onUnknown: "rerun",
      acknowledgeDuplicates: true,
    });
  };
  return { clock, store, server };
}

describe.for([
  ["an hour ahead", hourMs],
  ["an hour behind", -hourMs],
] as const)("a server with a clock that is %s", ([, offMs]) => {
  test("neither takes a key over nor loses one early, and its records are dated by the store", async () => {
    const { clock, store, server } = bench();
    const go = Promise.withResolvers<void>();
    const mine = job({}, go.promise);
    const running = server(() => offMs).run(operation, mine.work);
    await clock.advance(leaseMs / 2);
    const others = [server(() => 0), server(() => -offMs)];
    for (const other of others) {
      expect((await other.run(operation, () => expect.fail("ran"))).kind).toBe("in-progress");
    }
    expect((await store.inspect(operation))?.record.createdAt).toBe(clock.now() - leaseMs / 2);
    // Longer than a lease: the owner still renews it.
    await clock.advance(3 * leaseMs);
    for (const other of others) {
      expect((await other.run(operation, () => expect.fail("ran"))).kind).toBe("in-progress");
    }
    go.resolve();
    expect((await running).kind).toBe("executed");
    expect((await store.inspect(operation))?.record.expiresAt).toBe(clock.now() + retentionMs);
  });

  test("gets the first answer until the store's clock says that it expired", async () => {
    const { clock, server } = bench();
    await server(() => 0).run(operation, job().work);
    const skewed = server(() => offMs);
    await clock.advance(retentionMs - 1);
    expect((await skewed.run(operation, () => expect.fail("ran"))).kind).toBe("replayed");
    await clock.advance(1);
    expect((await skewed.run(operation, job().work)).kind).toBe("executed");
  });
});

test("a wall clock that jumps while the work runs ends no lease", async () => {
  const { clock, server } = bench();
  let offMs = 0;
  const go = Promise.withResolvers<void>();
  const running = server(() => offMs).run(operation, async ({ signal }) => {
    await go.promise;
    return { effect: "done", result: Uint8Array.of(Number(signal.aborted)) };
  });
  for (const jump of [hourMs, -hourMs, 0]) {
    offMs = jump;
    await clock.advance(leaseMs);
  }
  go.resolve();
  expect(await running).toEqual({ kind: "executed", result: Uint8Array.of(0) });
});

test("a worker that stood still while it looked an operation up does not begin it on a lease that is over", async () => {
  const clock = fakeClock(1_700_000_000_000);
  const store = memoryStore({ clock });
  await store.claim({ ...operation, owner: "crashed", leaseMs: 1, retentionMs });
  await clock.advance(1);
  let stoodStillMs = 0;
  const own: Clock = { ...clock, monotonic: () => clock.monotonic() + stoodStillMs };
  const options = { leaseMs, retentionMs, onUnknown: "rerun", acknowledgeDuplicates: true } as const;
  const engine = leasedEngine(store, { ...options, clock: own });
  const reconcile = async () => {
    // The timer of its answer is due before that of its lease, and both fire when it goes on.
    stoodStillMs += 10 * leaseMs;
    return { absent: "fenced" } as const;
  };
  const ends: unknown[] = [];
  await engine.run(operation, async (execution) => {
    const end = await runWork(execution, { reconcile, quiesceMs: 0 }, () => expect.fail("ran"));
    ends.push(end.effect);
    return { effect: "none", result: new Uint8Array() };
  });
  expect(ends).toEqual(["none"]);
});
