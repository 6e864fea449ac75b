import { join } from "node:path";
import type { ErrorListener } from "../core/listener.ts";
import type { DatabaseSync } from "node:sqlite";
import { describe, expect, test, vi } from "vitest";
import { faultyStore } from "../../../../test/support/faulty-store.ts";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { NoEffectError } from "../engine/index.ts";
import type { Reconciled } from "../engine/engine.ts";
import type { FunctionRules } from "./function-options.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { sqliteStore } from "../stores/sqlite/index.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { type FunctionExecution, onceFunction } from "./index.ts";

interface Order {
  readonly id: string;
  readonly amount: number;
}

const tea: Order = { id: "order-7", amount: 700 };

/** A function that is given orders, on a memory store and a clock that stands still. */
function charging(options: Partial<FunctionRules<[Order], unknown>> = {}) {
  const clock = fakeClock(1_700_000_000_000);
  const store = faultyStore(memoryStore({ clock }));
  const fn = vi.fn<(execution: FunctionExecution, order: Order) => Promise<unknown>>(async (_, { amount }) => ({
    paid: amount,
  }));
  const onError = vi.fn<ErrorListener>();
  const make = () =>
    onceFunction(
      {
        store: { ...store },
        scope: "charge",
        key: (order: Order) => order.id,
        clock,
        leaseMs: 1000,
        onError,
        ...options,
      },
      fn,
    );
  return { clock, store, fn, onError, charge: make(), elsewhere: make() };
}

describe("one key, one effect", () => {
  test("the first call runs the function, and every repeat gets its result, in every process", async () => {
    const { charge, elsewhere, fn, store } = charging();
    expect(await charge(tea)).toEqual({ paid: 700 });
    expect(store.asked).toEqual(["claim", "complete"]);
    expect(await charge(tea)).toEqual({ paid: 700 });
    expect(await elsewhere({ amount: 700, id: "order-7" })).toEqual({ paid: 700 });
    expect(await charge({ id: "order-8", amount: 1 })).toEqual({ paid: 1 });
    expect(fn).toHaveBeenCalledTimes(2);
  });

  test("the function gets its execution and its arguments", async () => {
    const { charge, fn, clock } = charging();
    await charge(tea);
    const [execution, ...args] = fn.mock.calls[0]!;
    expect(execution).toMatchObject({
      scope: "charge",
      key: "order-7",
      attempt: 1,
      fence: clock.now(),
      abandoned: false,
    });
    expect(execution.signal.aborted).toBe(false);
    expect(args).toEqual([tea]);
  });

  test("of 50 calls at once in each of two processes, one runs, and the others learn when to come back", async () => {
    const { charge, elsewhere, fn } = charging({ retryAfterMs: 70, waitMs: 0 });
    const calls = Array.from({ length: 100 }, (_, at) => (at % 2 === 0 ? charge : elsewhere)(tea));
    const ended = await Promise.allSettled(calls);
    expect(fn).toHaveBeenCalledOnce();
    const refused = ended.filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(99);
    const times = new Set<number>();
    for (const { reason } of refused as PromiseRejectedResult[]) {
      expect(reason).toMatchObject({ code: "ONCE_IN_PROGRESS", details: { scope: "charge", key: "order-7" } });
      times.add(reason.details.retryAfterMs);
    }
    expect([...times].every((ms) => ms >= 70 && ms <= 210)).toBe(true);
    expect(times.size).toBeGreaterThan(30);
  });

  test("a repeat waits for the running call where it may, and gets its result", async () => {
    const { charge, fn } = charging({ waitMs: 500 });
    expect(await Promise.all([charge(tea), charge(tea)])).toEqual([{ paid: 700 }, { paid: 700 }]);
    expect(fn).toHaveBeenCalledOnce();
  });

  test("other arguments under the same key are refused, while it runs and after it", async () => {
    const { charge, elsewhere, fn } = charging();
    const go = Promise.withResolvers<void>();
    fn.mockImplementation(async () => go.promise);
    const running = charge(tea);
    const dearer = { id: "order-7", amount: 7000 };
    const refused = { code: "ONCE_KEY_REUSED", details: { scope: "charge", key: "order-7" } };
    await expect(elsewhere(dearer)).rejects.toMatchObject(refused);
    await expect(charge(dearer)).rejects.toMatchObject(refused);
    go.resolve();
    await running;
    await expect(charge(dearer)).rejects.toMatchObject(refused);
    expect(fn).toHaveBeenCalledOnce();
  });

  test("an argument that is not given is one that is undefined; null is another", async () => {
    const store = memoryStore();
    const note = onceFunction(
      { store, scope: "note", key: (id: string, _text?: string | null, _more?: number) => id },
      () => "noted",
    );
    await note("a");
    expect(await note("a", undefined, undefined)).toBe("noted");
    await expect(note("a", null)).rejects.toMatchObject({ code: "ONCE_KEY_REUSED" });
    await expect(note("a", undefined, 1)).rejects.toMatchObject({ code: "ONCE_KEY_REUSED" });
  });

  test("what a fingerprint leaves out is no difference", async () => {
    const amountAlone = charging({ fingerprint: ({ amount }) => amount });
    await amountAlone.charge(tea);
    expect(await amountAlone.charge({ ...tea, at: new Date() } as Order)).toEqual({ paid: 700 });
    await expect(amountAlone.charge({ ...tea, amount: 1 })).rejects.toMatchObject({ code: "ONCE_KEY_REUSED" });
    const keyAlone = charging({ fingerprint: "key" });
    await keyAlone.charge(tea);
    expect(await keyAlone.charge({ ...tea, amount: 1 })).toEqual({ paid: 700 });
  });

  test("a lost acknowledgement of claim or result runs nothing twice", async () => {
    const { charge, store, fn } = charging({ clock: undefined });
    store.fail("claim", "after", 1);
    store.fail("complete", "after", 1);
    expect(await charge(tea)).toEqual({ paid: 700 });
    expect(await charge(tea)).toEqual({ paid: 700 });
    expect(fn).toHaveBeenCalledOnce();
  });

  test("a store that is down runs nothing", async () => {
    const { charge, store, fn } = charging({ clock: undefined });
    store.fail("claim", "before");
    await expect(charge(tea)).rejects.toMatchObject({ code: "ONCE_STORE_UNAVAILABLE" });
    expect(fn).not.toHaveBeenCalled();
  });

  test("close waits for what runs, and takes no more", async () => {
    const { charge, fn } = charging();
    const go = Promise.withResolvers<string>();
    fn.mockImplementation(async () => go.promise);
    const running = charge(tea);
    await expect.poll(() => fn).toHaveBeenCalled();
    const closed = charge.close();
    await expect(charge({ id: "order-8", amount: 1 })).rejects.toMatchObject({ code: "ONCE_CLOSED" });
    go.resolve("paid");
    await closed;
    expect(await running).toBe("paid");
  });
});

describe("a function that fails", () => {
  test("throws its error, and its key is held: it may have had an effect", async () => {
    const { charge, elsewhere, fn } = charging();
    const broken = new TypeError("connection lost");
    fn.mockRejectedValue(broken);
    await expect(charge(tea)).rejects.toBe(broken);
    const held = { code: "ONCE_OUTCOME_UNKNOWN", details: { scope: "charge", key: "order-7" } };
    await expect(charge(tea)).rejects.toMatchObject(held);
    await expect(elsewhere(tea)).rejects.toMatchObject(held);
    expect(fn).toHaveBeenCalledOnce();
  });

  test("is held until a person settles it as not executed", async () => {
    const { charge, store, fn } = charging();
    fn.mockRejectedValueOnce(new Error("connection lost"));
    await expect(charge(tea)).rejects.toThrow("connection lost");
    const name = { scope: "charge", key: "order-7" };
    expect(await store.resolve({ ...name, settlement: { as: "not-executed" } })).toBe(true);
    expect(await charge(tea)).toEqual({ paid: 700 });
  });

  test("is run again where that does no harm", async () => {
    const { charge, fn } = charging({ onUnknown: "rerun", acknowledgeDuplicates: true });
    fn.mockRejectedValueOnce(new Error("connection lost"));
    await expect(charge(tea)).rejects.toThrow("connection lost");
    expect(await charge(tea)).toEqual({ paid: 700 });
    expect(fn.mock.calls[1]![0]).toMatchObject({ attempt: 2, abandoned: true });
  });

  test.each([
    ["finds its effect", { found: { paid: 700 } }, [{ paid: 700 }, 1]],
    ["finds that it is absent", { absent: "fenced" as const }, [{ paid: 700 }, 2]],
    ["can't tell", "unknown" as const, ["ONCE_OUTCOME_UNKNOWN", 1]],
  ])("is looked up by onUnknown, which %s", async (_, reconciled, expected) => {
    const onUnknown = vi.fn<() => Promise<Reconciled<unknown>>>(async () => reconciled);
    const { charge, fn } = charging({ onUnknown });
    fn.mockRejectedValueOnce(new Error("connection lost"));
    await expect(charge(tea)).rejects.toThrow("connection lost");
    const result = await charge(tea).catch((error: { code: string }) => error.code);
    expect([result, fn.mock.calls.length]).toEqual(expected);
    expect(onUnknown).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ key: "order-7", attempt: 2, abandoned: true }),
      tea,
    );
  });

  test("frees its key where it says that nothing happened: by NoEffectError, by noEffect(), by hadNoEffect", async () => {
    const { charge, fn } = charging({ hadNoEffect: (error) => error instanceof RangeError });
    const soldOut = new NoEffectError("Sold out.");
    fn.mockRejectedValueOnce(soldOut);
    await expect(charge(tea)).rejects.toBe(soldOut);
    const tooEarly = new RangeError("too early");
    fn.mockRejectedValueOnce(tooEarly);
    await expect(charge(tea)).rejects.toBe(tooEarly);
    fn.mockImplementationOnce(async (execution) => {
      execution.noEffect();
      return "nothing to do";
    });
    expect(await charge(tea)).toBe("nothing to do");
    expect(await charge(tea)).toEqual({ paid: 700 });
    expect(fn).toHaveBeenCalledTimes(4);
  });

  const fault = new Error("no such member");
  const fails = (): never => {
    throw fault;
  };
  test.each<[string, Partial<FunctionRules<[Order], unknown>>, unknown]>([
    ["hadNoEffect fails", { hadNoEffect: fails }, fault],
    [
      "hadNoEffect is async",
      { hadNoEffect: (async () => true) as never },
      expect.objectContaining({ code: "ONCE_OPTION_INVALID" }),
    ],
    ["refusals.encode fails", { refusals: { encode: fails, decode: fails } }, fault],
    [
      "refusals.encode is async",
      { refusals: { encode: (async () => 1) as never, decode: fails } },
      expect.any(TypeError),
    ],
  ])("is held where %s, and onError gets the reason", async (_, options, reason) => {
    const { charge, fn, onError } = charging(options);
    fn.mockRejectedValueOnce(new Error("connection lost"));
    await expect(charge(tea)).rejects.toThrow("connection lost");
    await expect(charge(tea)).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
    expect(onError).toHaveBeenCalledExactlyOnceWith(reason, expect.objectContaining({ room: "function" }));
  });

  test("an error of a function that it called is not taken for its own", async () => {
    const { charge, fn } = charging();
    const inner = charging({ scope: "inner" });
    await inner.charge(tea);
    fn.mockImplementation(async () => inner.charge({ ...tea, amount: 1 }));
    await expect(charge(tea)).rejects.toMatchObject({
      code: "ONCE_HANDLER_FAILED",
      cause: { code: "ONCE_KEY_REUSED" },
    });
    await expect(charge(tea)).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  });
});

describe("a refusal", () => {
  class CardDeclined extends Error {
    readonly reason: string;
    constructor(reason: string) {
      super(`The card was declined: ${reason}.`);
      this.reason = reason;
    }
  }
  const refusals = {
    encode: (error: unknown) => (error instanceof CardDeclined ? { reason: error.reason } : undefined),
    decode: ({ reason }: { reason: string }) => new CardDeclined(reason),
  };

  test("is stored, and thrown again at every repeat as the same error", async () => {
    const store = memoryStore();
    const run = vi.fn<() => Promise<never>>(() => Promise.reject(new CardDeclined("expired")));
    const pay = onceFunction({ store, scope: "pay", key: (id: string) => id, refusals }, run);
    for (let time = 1; time <= 2; time += 1) {
      const error = await pay("a").catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(CardDeclined);
      expect(error).toMatchObject({ reason: "expired", message: "The card was declined: expired." });
    }
    expect(run).toHaveBeenCalledOnce();
  });

  test("in a transaction rolls back what was written, and is stored all the same", async () => {
    const { store, count } = await payments();
    const pay = onceFunction(
      { mode: "transactional", store, scope: "pay", key: (id: string) => id, refusals },
      async ({ transaction }) => {
        transaction.exec("INSERT INTO payments VALUES (700)");
        throw new CardDeclined("expired");
      },
    );
    await expect(pay("a")).rejects.toBeInstanceOf(CardDeclined);
    await expect(pay("a")).rejects.toMatchObject({ reason: "expired" });
    expect(await count()).toBe(0);
    expect(await store.inspect({ scope: "pay", key: "a" })).toMatchObject({ state: "done" });
  });
});

/** A database with a table of payments, and a store in it. */
async function payments() {
  const store = sqliteStore({ path: join(temporaryFolder(), "payments.db") });
  const within = <Value>(work: (database: DatabaseSync) => Value): Promise<Value> =>
    store.transactUnkeyed(async (database) => ({ keep: "commit", result: new Uint8Array(), value: work(database) }));
  await within((database) => database.exec("CREATE TABLE payments (amount INTEGER)"));
  const count = () =>
    within((database) => Number(database.prepare("SELECT count(*) AS count FROM payments").get()!["count"]));
  return { store, count };
}

describe("in a transaction", () => {
  const paying = async () => {
    const { store, count } = await payments();
    const result = vi.fn<() => unknown>(() => ({ paid: true }));
    const pay = onceFunction(
      { mode: "transactional", store, scope: "pay", key: (id: string) => id },
      async ({ transaction }) => {
        transaction.exec("INSERT INTO payments VALUES (700)");
        return result();
      },
    );
    return { pay, result, count };
  };

  test("key, effect and result commit together", async () => {
    const { pay, count } = await paying();
    expect(await pay("a")).toEqual({ paid: true });
    expect(await pay("a")).toEqual({ paid: true });
    expect(await count()).toBe(1);
  });

  test("a function that throws is rolled back, and a repeat runs afresh", async () => {
    const { pay, result, count } = await paying();
    const failure = new Error("no funds");
    result.mockImplementationOnce(() => {
      throw failure;
    });
    await expect(pay("a")).rejects.toBe(failure);
    expect(await count()).toBe(0);
    expect(await pay("a")).toEqual({ paid: true });
    expect(await count()).toBe(1);
  });

  test("a result that can't be stored rolls everything back", async () => {
    const { pay, result, count } = await paying();
    result.mockReturnValueOnce({ at: new Date(0) });
    await expect(pay("a")).rejects.toMatchObject({ code: "ONCE_RESULT_UNFIT" });
    expect(await count()).toBe(0);
    expect(await pay("a")).toEqual({ paid: true });
  });
});

describe("within an invocation of AWS Lambda", () => {
  const invocation = (leftMs: number) => ({ getRemainingTimeInMillis: () => leftMs });

  test("its time bounds the function and the lease, and a repeat finds out 2 seconds after its end", async () => {
    const { charge, elsewhere, fn, clock } = charging({ leaseMs: 30_000, waitMs: 0 });
    const signal = Promise.withResolvers<AbortSignal>();
    fn.mockImplementation((execution) => {
      signal.resolve(execution.signal);
      return new Promise(() => undefined);
    });
    const ended = charge.within(invocation(5000), tea).catch((error: unknown) => error);
    const given = await signal.promise;
    await clock.advance(4499);
    expect(given.aborted).toBe(false);
    await clock.advance(1);
    expect(given.aborted).toBe(true);
    expect(await ended).toMatchObject({ code: "ONCE_HANDLER_TIMEOUT" });
    await expect(elsewhere(tea)).rejects.toMatchObject({ code: "ONCE_IN_PROGRESS" });
    await clock.advance(7000);
    await expect(elsewhere(tea)).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  });

  test("with less than 100 ms left nothing begins, and nothing is claimed", async () => {
    const { charge, fn, store } = charging();
    await expect(charge.within(invocation(99), tea)).rejects.toMatchObject({ code: "ONCE_CLOSED" });
    expect([fn.mock.calls, store.asked]).toEqual([[], []]);
    expect(await charge.within(invocation(30_000), tea)).toEqual({ paid: 700 });
    expect(await charge(tea)).toEqual({ paid: 700 });
    expect(fn).toHaveBeenCalledTimes(1);
  });

  test.for([undefined, null, {}, { lambdaContext: invocation(1000) }, 7])("%j is no context", async (context) => {
    const { charge, store } = charging();
    await expect(charge.within(context as never, tea)).rejects.toMatchObject({
      code: "ONCE_OPTION_INVALID",
      message: expect.stringContaining("lambdaContext of a durable function") as string,
    });
    expect(store.asked).toEqual([]);
  });
});
