import { describe, expect, test } from "vitest";
import {
  type Bench,
  codeOf,
  engineBench,
  first,
  job,
  leaseMs,
  operation,
} from "../../../../test/support/engine-bench.ts";
import type { Execution } from "./engine.ts";

// The store fails, or the lease is lost, at every point of an operation.

const never = (): never => expect.fail("ran");
/** Longer than every wait of a caller, for its store calls and its lease. */
const settled = async ({ clock }: Bench): Promise<void> => clock.advance(20_000);
/** Longer than anything is asked for behind a caller's back. */
const hourMs = 3_700_000;

/** The code or outcome of a run, once time has passed. */
async function ended(bench: Bench, run: Promise<string>): Promise<unknown> {
  const code = codeOf(run);
  await settled(bench);
  const ended = await code;
  return typeof ended === "string" ? ended.replace("resolved with ", "") : ended;
}

/** A bench with a run that has lost its lease. It goes on when `late` resolves. */
async function overdueRun(options?: Parameters<typeof engineBench>[0]) {
  const bench = engineBench(options);
  const { run, clock, store } = bench;
  const late = Promise.withResolvers<void>();
  const lateRun = run(job({ result: Uint8Array.of(66) }, late.promise).work);
  await clock.advance(0);
  const { owner } = (await store.inspect(operation))!.record;
  await store.renew({ ...operation, owner, leaseMs: 0 });
  return { ...bench, late, lateRun };
}

describe.for(["before", "after", "silent", "silent-after"] as const)("a store that fails %s", (failure) => {
  test("once at each operation, and is asked again, changes nothing", async () => {
    for (const at of ["claim", "complete", "release", "renew"] as const) {
      // A call that says nothing takes all the time there is.
      if (failure.startsWith("silent")) continue;
      const bench = engineBench();
      bench.store.fail(at, failure, 1);
      const effect = at === "release" ? "none" : "done";
      const go = Promise.withResolvers<void>();
      const one = job({ effect }, go.promise);
      const run = bench.run(one.work);
      await bench.clock.advance(leaseMs * 3);
      go.resolve();
      expect(await ended(bench, run), at).toBe("executed 1,2,3");
      expect(one.runs).toBe(1);
      expect(await ended(bench, bench.run(job({ result: Uint8Array.of(9) }).work)), at).toBe(
        effect === "none" ? "executed 9" : "replayed 1,2,3",
      );
    }
  });

  test("at the claim: the work does not run, and the key is free when the store is back", async () => {
    for (const onUnknown of ["hold", "rerun"] as const) {
      const bench = engineBench({ onUnknown });
      bench.store.fail("claim", failure);
      expect(await ended(bench, bench.run(never))).toBe("ONCE_STORE_UNAVAILABLE");
      expect(bench.events).toContainEqual(expect.objectContaining({ type: "store-failed", operation: "claim" }));
      bench.store.fail("claim", failure, 0);
      expect(await ended(bench, bench.run(job().work))).toBe("executed 1,2,3");
      await bench.clock.advance(hourMs);
      expect(bench.clock.pending).toBe(0);
    }
  });

  test("at the completion: the caller gets an error, and the result is stored when the store is back", async () => {
    const bench = engineBench({ storeMsMax: 100 });
    const one = job();
    bench.store.fail("complete", failure);
    expect(await ended(bench, bench.run(one.work))).toBe("ONCE_RESULT_UNCONFIRMED");
    expect(one.runs).toBe(1);
    // Its lease is renewed until its result is stored, so a repeat finds it running, or done where the result arrived.
    const meanwhile = failure.endsWith("after") ? "replayed 1,2,3" : "in-progress";
    for (const process of ["one", "another"]) {
      await bench.clock.advance(10 * leaseMs);
      expect(await ended(bench, bench.run(never, process))).toBe(meanwhile);
    }
    bench.store.fail("complete", failure, 0);
    await bench.clock.advance(60_000);
    for (const process of ["one", "another"]) expect(await bench.run(never, process)).toBe("replayed 1,2,3");
    expect(bench.clock.pending).toBe(0);
  });

  test("at the completion and the renewals, for longer than the lease: the process that has the result says that it runs", async () => {
    for (const onUnknown of ["hold", "rerun"] as const) {
      const bench = engineBench({ storeMsMax: 100, onUnknown });
      bench.store.fail("complete", failure);
      bench.store.fail("renew", failure);
      expect(await ended(bench, bench.run(job().work))).toBe("ONCE_RESULT_UNCONFIRMED");
      await bench.clock.advance(10 * leaseMs);
      const meanwhile = failure.endsWith("after") ? "replayed 1,2,3" : "in-progress";
      expect(await ended(bench, bench.run(never))).toBe(meanwhile);
      // Another request under its key is refused as ever.
      expect(await ended(bench, bench.run(never, "one", { fingerprint: "g" }))).toBe("mismatch");
      bench.store.fail("complete", failure, 0);
      bench.store.fail("renew", failure, 0);
      await bench.clock.advance(60_000);
      expect(await bench.run(never)).toBe("replayed 1,2,3");
      expect(bench.clock.pending).toBe(0);
    }
  });

  test("at the completion for an hour: the result is given up, and the key is held", async () => {
    const bench = engineBench();
    bench.store.fail("complete", failure);
    expect(await ended(bench, bench.run(job().work))).toBe("ONCE_RESULT_UNCONFIRMED");
    await bench.clock.advance(hourMs);
    expect(bench.clock.pending).toBe(0);
    expect(await bench.run(never)).toBe(failure.endsWith("after") ? "replayed 1,2,3" : "outcome-unknown");
  });

  test("at the completion: under rerun the work does not run again as long as its result may yet be stored", async () => {
    const bench = engineBench({ onUnknown: "rerun" });
    bench.store.fail("complete", failure);
    expect(await ended(bench, bench.run(job().work))).toBe("ONCE_RESULT_UNCONFIRMED");
    bench.store.fail("complete", failure, 0);
    await bench.clock.advance(60_000);
    expect(await bench.run(never)).toBe("replayed 1,2,3");
  });

  test("at the release: the caller gets an error, and under hold the work does not run again unless it was released", async () => {
    const bench = engineBench();
    bench.store.fail("release", failure);
    expect(await ended(bench, bench.run(job({ effect: "none" }).work))).toBe("ONCE_RESULT_UNCONFIRMED");
    const repeat = await ended(bench, bench.run(job({ result: Uint8Array.of(9) }).work));
    expect(repeat).toBe(failure.endsWith("after") ? "executed 9" : "outcome-unknown");
    if (failure.endsWith("after")) return;
    bench.store.fail("release", failure, 0);
    await bench.clock.advance(60_000);
    expect(await bench.run(job({ result: Uint8Array.of(9) }).work)).toBe("executed 9");
  });

  test("at the renewals: the signal aborts before the lease is over, and the work's result is stored if it can be", async () => {
    const bench = engineBench({ storeMsMax: 200 });
    bench.store.fail("renew", failure);
    let lostAt: number | undefined;
    const run = bench.run(
      ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            lostAt = bench.clock.monotonic();
            resolve({ effect: "done", result: first });
          });
        }),
    );
    expect(await ended(bench, run)).toBe("executed 1,2,3");
    expect(lostAt).toBe(leaseMs);
    expect(bench.events).toContainEqual(expect.objectContaining({ type: "lease-lost", scope: "acme", key: "order-7" }));
    expect(bench.clock.pending).toBe(0);
  });
});

test("a store that is down altogether fails its caller, and nothing else", async () => {
  for (const onUnknown of ["hold", "rerun"] as const) {
    const bench = engineBench({ onUnknown });
    for (const operation of ["claim", "complete", "renew", "release", "inspect"] as const) {
      bench.store.fail(operation, "before");
    }
    // An unhandled rejection would fail this run.
    expect(await ended(bench, bench.run(never))).toBe("ONCE_STORE_UNAVAILABLE");
    await bench.clock.advance(hourMs);
    expect(bench.clock.pending).toBe(0);
  }
});

describe("the lease", () => {
  test("is renewed while the work runs, however long that is", async () => {
    const { run, clock } = engineBench();
    const go = Promise.withResolvers<void>();
    let signal: AbortSignal | undefined;
    const running = run(async (attempt) => {
      ({ signal } = attempt);
      await go.promise;
      return { effect: "done", result: first };
    });
    for (let round = 0; round < 20; round += 1) {
      await clock.advance(leaseMs / 2);
      expect(await run(never, "another")).toBe("in-progress");
    }
    expect(signal?.aborted).toBe(false);
    go.resolve();
    expect(await running).toBe("executed 1,2,3");
    expect(clock.pending).toBe(0);
  });

  test("is not lost to one renewal that gets no answer", async () => {
    const { run, clock, store } = engineBench({ storeMsMax: 100 });
    store.fail("renew", "silent", 1);
    const go = Promise.withResolvers<void>();
    const running = run(async ({ signal }) => {
      await go.promise;
      return { effect: signal.aborted ? "unknown" : "done", result: Uint8Array.of(Number(signal.aborted)) };
    });
    await clock.advance(leaseMs * 3);
    go.resolve();
    expect(await running).toBe("executed 0");
  });

  test("ends when the store says that the key is another's, and the loser answers by the record", async () => {
    const { run, clock, store } = engineBench({ onUnknown: "rerun" });
    const go = Promise.withResolvers<void>();
    let signal: AbortSignal | undefined;
    const late = run(async (attempt: Execution) => {
      ({ signal } = attempt);
      await go.promise;
      return { effect: "done", result: Uint8Array.of(66) };
    });
    await clock.advance(0);
    // The worker stands still for longer than its lease, by the store's clock.
    const { owner } = (await store.inspect(operation))!.record;
    await store.renew({ ...operation, owner, leaseMs: 0 });
    expect(await run(job().work, "another")).toBe("executed 1,2,3");
    await clock.advance(leaseMs / 2);
    expect(signal?.reason).toMatchObject({ code: "ONCE_LEASE_LOST" });
    go.resolve();
    expect(await late).toBe("replayed 1,2,3");
    expect(await run(never)).toBe("replayed 1,2,3");
  });

  test("a loser says that the operation runs while its winner runs", async () => {
    const { late, lateRun, run, clock } = await overdueRun({ onUnknown: "rerun" });
    const winner = Promise.withResolvers<void>();
    const winnerRun = run(job({}, winner.promise).work, "another");
    await clock.advance(0);
    late.resolve();
    expect(await lateRun).toBe("in-progress");
    winner.resolve();
    expect(await winnerRun).toBe("executed 1,2,3");
  });

  test("when a loser's key was released and used for another request, the loser does not answer with that result", async () => {
    const { late, lateRun, run, store } = await overdueRun();
    await store.resolve({ ...operation, settlement: { as: "not-executed" } });
    expect(await run(job().work, "another", { fingerprint: "g" })).toBe("executed 1,2,3");
    late.resolve();
    expect(await lateRun).toBe("mismatch");
  });

  test("a worker that was declared dead and comes back under hold finds what a person settled", async () => {
    const { late, lateRun, store } = await overdueRun();
    await store.resolve({ ...operation, settlement: { as: "done", result: Uint8Array.of(7), retentionMs: 5000 } });
    late.resolve();
    expect(await lateRun).toBe("replayed 7");
  });
});
