import { describe, expect, test } from "vitest";
import { codeOf, engineBench, first, job, leaseMs, operation } from "../../../../test/support/engine-bench.ts";
import type { ClaimAnswer, Store, TransactionalStore, TransactionEnding } from "../stores/store.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { onceHttp } from "../http/handle-request.ts";
import { Absence } from "./bounded-store.ts";
import { leasedEngine } from "./leased-engine.ts";
import { openEngine } from "./open-engine.ts";
import type { ServerEvent } from "./server-event.ts";
import { transactionalEngine } from "./transactional-engine.ts";

const never = (): never => expect.fail("ran");
const storeMsMax = 300;

/** A memory store behind a gate: claims reach it when the test lets them through. */
function heldUpClaims() {
  const bench = engineBench({ storeMsMax });
  const { store, clock } = bench;
  const claim = store.claim.bind(store);
  const through = Promise.withResolvers<void>();
  const answers: Promise<ClaimAnswer>[] = [];
  store.claim = (request) => {
    const answer = through.promise.then(() => claim(request));
    answers.push(answer);
    return answer;
  };
  const free = (): void => {
    store.claim = claim;
  };
  return { ...bench, clock, through: through.resolve, free, answers };
}

describe("a claim that was given up", () => {
  test("and lands later does not hold the key of an operation that never ran", async () => {
    const { run, clock, through, free, store } = heldUpClaims();
    const outcome = codeOf(run(never));
    await clock.advance(storeMsMax);
    expect(await outcome).toBe("ONCE_STORE_UNAVAILABLE");
    // Releases have found nothing for a while.
    await clock.advance(8000);
    expect(await store.inspect(operation)).toBeUndefined();
    through();
    free();
    await clock.advance(31_000);
    expect(await store.inspect(operation)).toBeUndefined();
    expect(await run(job().work)).toBe("executed 1,2,3");
    await clock.advance(60_000);
    expect(clock.pending).toBe(0);
  });

  test("and lands although it had failed is taken back, too", async () => {
    const { run, clock, store } = engineBench({ storeMsMax });
    const claim = store.claim.bind(store);
    const sent: Parameters<typeof claim>[0][] = [];
    store.claim = (request) => {
      sent.push(request);
      return Promise.reject(new Error("ECONNRESET"));
    };
    const outcome = codeOf(run(never));
    await clock.advance(storeMsMax);
    expect(await outcome).toBe("ONCE_STORE_UNAVAILABLE");
    await clock.advance(10_000);
    // The connection was cut; the server had it in its buffer all the same.
    expect((await claim(sent[0]!)).kind).toBe("acquired");
    await clock.advance(31_000);
    expect(await store.inspect(operation)).toBeUndefined();
    await clock.advance(60_000);
    expect(clock.pending).toBe(0);
  });

  test("is taken back by call and repetition: one that landed says nothing of the other", async () => {
    const { run, clock, store } = engineBench({ storeMsMax });
    const claim = store.claim.bind(store);
    const second = Promise.withResolvers<void>();
    let calls = 0;
    store.claim = async (request) => {
      calls += 1;
      if (calls > 1) await second.promise;
      const answer = await claim(request);
      if (calls === 1) throw new Error("ECONNRESET");
      return answer;
    };
    const outcome = codeOf(run(never));
    await clock.advance(storeMsMax);
    expect(await outcome).toBe("ONCE_STORE_UNAVAILABLE");
    await clock.advance(1000);
    expect(await store.inspect(operation)).toBeUndefined();
    second.resolve();
    await clock.advance(31_000);
    expect(await store.inspect(operation)).toBeUndefined();
    await clock.advance(60_000);
    expect(clock.pending).toBe(0);
  });

  test.for(["none", "in progress elsewhere"] as const)(
    "once, and was granted or refused when it was repeated, does not hold the key later: %s",
    async (end) => {
      const { run, clock, store } = engineBench({ storeMsMax });
      const claim = store.claim.bind(store);
      const go = Promise.withResolvers<void>();
      const elsewhere = end === "none" ? undefined : run(job({ effect: "none" }, go.promise).work, "two");
      await clock.advance(1);
      const sent: Parameters<typeof claim>[0][] = [];
      store.claim = async (request) => {
        if (sent.push(request) === 1) throw new Error("ECONNRESET");
        return claim(request);
      };
      const outcome = run(job({ effect: "none" }).work);
      await clock.advance(storeMsMax);
      expect(await outcome).toBe(end === "none" ? "executed 1,2,3" : "in-progress");
      go.resolve();
      await elsewhere;
      expect(await store.inspect(operation)).toBeUndefined();
      await clock.advance(20_000);
      expect((await claim(sent[0]!)).kind).toBe("acquired");
      await clock.advance(41_000);
      expect(await store.inspect(operation)).toBeUndefined();
      await clock.advance(60_000);
      expect(clock.pending).toBe(0);
    },
  );

  test("and was surely never sent is not asked after", async () => {
    const { run, clock, store } = engineBench({ storeMsMax });
    store.claim = () => Promise.reject(Object.assign(new Error("connect"), { code: "ECONNREFUSED" }));
    const outcome = codeOf(run(never));
    await clock.advance(storeMsMax);
    expect(await outcome).toBe("ONCE_STORE_UNAVAILABLE");
    expect(store.asked).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test("and never settles is asked after for an hour", async () => {
    const { run, clock, store } = heldUpClaims();
    const outcome = codeOf(run(never));
    await clock.advance(storeMsMax);
    await outcome;
    await clock.advance(3_500_000);
    expect(clock.pending).toBe(1);
    await clock.advance(200_000);
    expect(clock.pending).toBe(0);
    expect(store.asked).not.toContain("complete");
  });

  test("is waited for by a shutdown, which asks for it at once", async () => {
    const { run, clock, close, through, store } = heldUpClaims();
    const outcome = codeOf(run(never));
    await clock.advance(storeMsMax);
    await outcome;
    await clock.advance(20_000);
    let isClosed = false;
    const closing = close().then(() => (isClosed = true));
    await clock.advance(0);
    expect(isClosed).toBe(false);
    through();
    await clock.advance(storeMsMax);
    await closing;
    expect(await store.inspect(operation)).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  test("holds no shutdown up for longer than twice storeMsMax", async () => {
    const { run, clock, close } = heldUpClaims();
    const outcome = codeOf(run(never));
    await clock.advance(storeMsMax);
    await outcome;
    const closing = close();
    await clock.advance(2 * storeMsMax);
    await closing;
    await clock.advance(storeMsMax);
    expect(clock.pending).toBe(0);
  });
});

test("a shutdown waits for a result that is still to be stored", async () => {
  const { run, clock, close, store } = engineBench({ storeMsMax });
  store.fail("complete", "before");
  const outcome = codeOf(run(job().work));
  await clock.advance(storeMsMax);
  expect(await outcome).toBe("ONCE_RESULT_UNCONFIRMED");
  const closing = close();
  store.fail("complete", "before", 0);
  await clock.advance(storeMsMax);
  await closing;
  expect((await store.inspect(operation))?.record.result).toEqual(first);
  expect(clock.pending).toBe(0);
});

describe("a shutdown", () => {
  test("of one engine waits for the result of another on its store", async () => {
    const { clock, store } = engineBench();
    const room = openEngine({ store, clock, storeMsMax, leaseMs, acknowledgeDuplicates: true });
    const beside = room.openBeside({});
    const work = Promise.withResolvers<void>();
    const outcome = codeOf(room.engine.run(operation, job({}, work.promise).work));
    await clock.advance(1);
    store.fail("complete", "before");
    const closing = Promise.all([beside.close(), room.engine.close()]);
    await clock.advance(1);
    work.resolve();
    await clock.advance(storeMsMax);
    expect(await outcome).toBe("ONCE_RESULT_UNCONFIRMED");
    store.fail("complete", "before", 0);
    await clock.advance(storeMsMax);
    await closing;
    expect((await store.inspect(operation))?.record.result).toEqual(first);
    expect(clock.pending).toBe(0);
  });

  test.for(["purge", "renew"] as const)("waits for a call that no operation waits for: %s", async (name) => {
    const { run, clock, close, store } = engineBench({ storeMsMax });
    const asked: Promise<never>[] = [];
    const fail = Promise.withResolvers<never>();
    store[name] = () => {
      asked.push(fail.promise);
      return fail.promise;
    };
    const work = Promise.withResolvers<void>();
    for (let at = 1; at < 100; at += 1) await run(job().work, "one", { key: `k${at}` });
    const outcome = run(job({}, work.promise).work);
    await clock.advance(name === "renew" ? leaseMs / 2 : 0);
    work.resolve();
    await outcome;
    expect(asked).toHaveLength(1);
    let isClosed = false;
    const closing = close().then(() => (isClosed = true));
    await clock.advance(0);
    expect(isClosed).toBe(false);
    fail.reject(new Error("ECONNRESET"));
    await clock.advance(storeMsMax);
    await closing;
    const before = asked.length;
    await clock.advance(10 * storeMsMax);
    expect([asked.length, clock.pending]).toEqual([before, 0]);
  });

  test("ends with the calls that it has waited for long enough: none is sent after it", async () => {
    const { run, clock, close, store } = engineBench({ storeMsMax });
    store.fail("complete", "before");
    const outcome = codeOf(run(job().work));
    await clock.advance(storeMsMax);
    await outcome;
    store.fail("complete", "silent");
    await clock.advance(500);
    const closing = close();
    await clock.advance(2 * storeMsMax);
    await closing;
    const before = store.asked.length;
    await clock.advance(100 * storeMsMax);
    expect([store.asked.length, clock.pending]).toEqual([before, 0]);
  });
});

test("an outage leaves at most a bounded number of results: the others are given up and reported", async () => {
  const errors: unknown[] = [];
  const bench = engineBench({ storeMsMax, onError: (error) => errors.push(error) });
  const result = new Uint8Array(40 * 1024 * 1024);
  bench.store.fail("complete", "before");
  const runs = ["a", "b"].map((key) => codeOf(bench.run(job({ result }).work, "one", { key })));
  await bench.clock.advance(storeMsMax);
  expect(await Promise.all(runs)).toEqual(["ONCE_RESULT_UNCONFIRMED", "ONCE_RESULT_UNCONFIRMED"]);
  expect(errors).toMatchObject([{ code: "ONCE_RESULT_UNCONFIRMED" }]);
});

test("a look into the store before a request is let in takes no longer than storeMsMax", async () => {
  const clock = fakeClock(1_700_000_000_000);
  const silent = { ...memoryStore({ clock }), inspect: () => new Promise<never>(() => undefined) };
  const once = onceHttp({ store: silent, scope: "public", clock, limits: { storeMsMax }, onError: () => undefined });
  const asked = once.answer(
    {
      native: undefined,
      method: "POST",
      path: "/",
      query: "",
      contentType: "",
      // A UUIDv7 of 1970.
      headerValues: () => ["00000000-0000-7000-8000-000000000000"],
      body: async () => new Uint8Array(),
    },
    never,
  );
  await clock.advance(storeMsMax);
  expect((await asked).status).toBe(503);
  expect(clock.pending).toBe(0);
});

describe("a transaction", () => {
  interface Handle {
    isOpen: boolean;
  }
  type Work = (transaction: Handle) => Promise<TransactionEnding<unknown>>;

  /** Engines on a store that runs each transaction through `transact`. */
  function opened(transact: (work: Work) => Promise<unknown>) {
    const clock = fakeClock();
    const events: ServerEvent[] = [];
    const store = { ...memoryStore({ clock }), transact: (_request: unknown, work: Work) => transact(work) };
    const engine = transactionalEngine(store as unknown as TransactionalStore<Handle>, {
      clock,
      storeMsMax,
      waitMs: 1000,
      onEvent: (event) => events.push(event),
      onError: () => undefined,
    });
    const run = (work: () => Promise<void> = async () => undefined) =>
      codeOf(
        engine
          .run(operation, async () => {
            await work();
            return { effect: "done", result: first };
          })
          .then(({ kind }) => kind),
      );
    return { clock, engine, events, run };
  }

  test("that is not to be had in storeMsMax is refused, and its work does not run when it comes late", async () => {
    const late = Promise.withResolvers<void>();
    const rolledBack: unknown[] = [];
    const { clock, run, engine } = opened(async (work) => {
      await late.promise;
      return work({ isOpen: true }).catch((error: unknown) => rolledBack.push(error));
    });
    const outcome = run(never);
    await clock.advance(storeMsMax);
    expect(await outcome).toBe("ONCE_STORE_UNAVAILABLE");
    const closing = engine.close();
    late.resolve();
    await clock.advance(1);
    await closing;
    expect(rolledBack).toMatchObject([{ code: "ONCE_STORE_UNAVAILABLE" }]);
    expect(clock.pending).toBe(0);
  });

  test("that does not confirm its commit in storeMsMax leaves its caller in doubt", async () => {
    const { clock, run } = opened(async (work) => {
      await work({ isOpen: true });
      return new Promise(() => undefined);
    });
    const outcome = run();
    await clock.advance(storeMsMax);
    expect(await outcome).toBe("ONCE_RESULT_UNCONFIRMED");
  });

  test("may take its handler as long as it likes", async () => {
    const { clock, run } = opened(async (work) => ({ kind: "executed", value: (await work({ isOpen: true })).value }));
    const go = Promise.withResolvers<void>();
    const outcome = run(() => go.promise);
    await clock.advance(100 * storeMsMax);
    go.resolve();
    expect(await outcome).toBe("resolved with executed");
    expect(clock.pending).toBe(0);
  });

  test("of another process is waited for as long as a duplicate may, and its answer replayed", async () => {
    let asked = 0;
    const { clock, run } = opened(async () => {
      asked += 1;
      return asked < 10 ? { kind: "in-progress", leaseMsLeft: 0 } : { kind: "done", result: first };
    });
    const outcome = run(never);
    await clock.advance(450);
    expect(await outcome).toBe("resolved with replayed");
    const inVain = opened(async () => ({ kind: "in-progress", leaseMsLeft: 0 }));
    const still = inVain.run(never);
    await inVain.clock.advance(999);
    await inVain.clock.advance(1);
    expect(await still).toBe("resolved with in-progress");
    expect(inVain.clock.pending).toBe(0);
  });
});

test("a lease outlives a completion that is still asked for", async () => {
  const { run, clock, store } = engineBench({ storeMsMax, onUnknown: "rerun" });
  store.fail("complete", "before");
  const outcome = codeOf(run(job().work));
  await clock.advance(storeMsMax);
  await outcome;
  await clock.advance(20 * leaseMs);
  expect(await run(never, "another")).toBe("in-progress");
});

describe("a store that answers at once", () => {
  function opened(change: Partial<Store> = {}) {
    const clock = fakeClock(1_700_000_000_000);
    const events: ServerEvent[] = [];
    const store = { ...memoryStore({ clock }), ...change };
    const engine = leasedEngine(store, { clock, storeMsMax, onEvent: (event) => events.push(event) });
    return { clock, events, store, engine };
  }

  test("is bounded by no timer, and reported like any other", async () => {
    const { clock, engine, events } = opened();
    const pending: number[] = [];
    const outcome = await engine.run(operation, async () => {
      pending.push(clock.pending);
      return { effect: "done", result: first };
    });
    expect(outcome).toEqual({ kind: "executed", result: first });
    expect(await engine.run(operation, never)).toEqual({ kind: "replayed", result: first });
    // Those of the handler and of its lease.
    expect([pending, clock.pending]).toEqual([[2], 0]);
    expect(events).toMatchObject([
      { type: "received" },
      { type: "store-answered", operation: "claim", elapsedMs: 0 },
      { type: "store-answered", operation: "complete", elapsedMs: 0 },
      { type: "executed" },
      { type: "received" },
      { type: "store-answered", operation: "claim", elapsedMs: 0 },
      { type: "replayed" },
    ]);
  });

  test("and throws has failed like one that rejects: it is asked again, and what may have been claimed is taken back", async () => {
    let claims = 0;
    const released: unknown[] = [];
    const { clock, engine } = opened({
      claim: () => {
        claims += 1;
        throw new Error("ECONNRESET");
      },
      release: ({ key }) => released.push(key) > 0,
    });
    const outcome = codeOf(engine.run(operation, never));
    await clock.advance(storeMsMax);
    expect([await outcome, claims, released[0]]).toEqual(["ONCE_STORE_UNAVAILABLE", 2, operation.key]);
    // Both may have claimed it.
    await clock.advance(91_000);
    expect(clock.pending).toBe(0);
  });
});

describe("an absence", () => {
  test("lasts from the first failure to the next answer", async () => {
    const clock = fakeClock();
    const absence = new Absence(clock);
    expect(absence.ms).toBe(0);
    absence.failed();
    await clock.advance(20_000);
    absence.failed();
    expect(absence.ms).toBe(20_000);
    absence.answered();
    expect(absence.ms).toBe(0);
    absence.failed();
    expect(absence.ms).toBe(0);
    await clock.advance(500);
    expect(absence.ms).toBe(500);
  });

  test("after a minute without a request is another one", async () => {
    const clock = fakeClock();
    const absence = new Absence(clock);
    absence.failed();
    await clock.advance(60_000);
    expect(absence.ms).toBe(60_000);
    await clock.advance(1);
    expect(absence.ms).toBe(0);
    absence.failed();
    await clock.advance(10);
    expect(absence.ms).toBe(10);
  });
});
