import { bytesCodec, type Steps, type Work, type WorkResult } from "./engine.ts";
import type { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { appDatabase, insertOrder } from "../../../../test/support/app-database.ts";
import { codeOf } from "../../../../test/support/engine-bench.ts";
import { fakeClock } from "../../../testing/src/index.ts";
import { sleep } from "../core/clock.ts";
import { leasedEngine } from "./leased-engine.ts";
import type { EngineOptions } from "./options.ts";
import { transactionalEngine } from "./transactional-engine.ts";

const operation = { scope: "acme", key: "order-1", fingerprint: "f", codec: bytesCodec };
const secret = new Uint8Array(16).fill(7);
const done: WorkResult = { effect: "done", result: new Uint8Array() };
const crash = new Error("crash");

/** An engine on a fresh database that runs abandoned operations again, and the work of one operation made of steps. */
function opened(options: EngineOptions = {}) {
  const { store, orders } = appDatabase();
  const engine = leasedEngine(store, { onUnknown: "rerun", secret, ...options });
  const run = (handle: (step: Steps) => Promise<void>) =>
    engine.run(operation, async ({ step }) => {
      await handle(step);
      return done;
    });
  return { store, orders, engine, run };
}

describe("a step that was stored", () => {
  test("returns its stored result when the operation runs again", async () => {
    const { run } = opened();
    const sent: string[] = [];
    const seen: unknown[] = [];
    const handle = (last: () => void) =>
      run(async (step) => {
        const charge = async (key: string) => {
          sent.push(key);
          return { charge: sent.length };
        };
        seen.push(await step.keyed("charge", charge), await step.once("mail", async () => undefined, absent));
        last();
      });
    await codeOf(handle(() => expect.fail("crash")));
    expect(await handle(() => undefined)).toMatchObject({ kind: "executed" });
    expect(seen).toEqual([{ charge: 1 }, undefined, { charge: 1 }, undefined]);
    expect(sent).toHaveLength(1);
  });

  test("is an error when another name stands at its place now", async () => {
    const { run } = opened();
    await codeOf(run(async (step) => fail(await step.once("mail", async () => 1, absent))));
    expect(await codeOf(run(async (step) => void (await step.once("post", async () => 1, absent))))).toBe(
      "ONCE_STEP_CHANGED",
    );
  });
});

describe("a keyed step", () => {
  test("is sent again under the same key, and each occurrence under another", async () => {
    const { run } = opened();
    const keys: string[] = [];
    const handle = () =>
      run(async (step) => {
        await step.keyed("charge", async (key) => void keys.push(key));
        await step.keyed("charge", async (key) => {
          keys.push(key);
          if (keys.length === 2) throw crash;
        });
      });
    await codeOf(handle());
    await handle();
    const [first, second, again] = keys;
    expect(keys).toHaveLength(3);
    expect(again).toBe(second);
    expect(first).not.toBe(second);
  });

  test("needs a secret", async () => {
    const { store } = appDatabase();
    const engine = leasedEngine(store, {});
    const work: Work<undefined> = async ({ step }) => {
      await step.keyed("charge", async () => 1);
      return done;
    };
    expect(await codeOf(engine.run(operation, work))).toBe("ONCE_OPTION_INVALID");
  });
});

describe("a step that can't be repeated", () => {
  test("is not said to have quiesced where nothing was waited for", async () => {
    const { run } = opened();
    const begun = (step: Steps): Promise<void> =>
      step.once(
        "mail",
        () => Promise.reject(crash),
        async () => ({ absent: "quiesced" }) as const,
      );
    await codeOf(run(begun));
    expect(await codeOf(run(begun))).toBe("ONCE_OPTION_INVALID");
  });

  test.each([undefined, null, [[]], {}, { id: 7, amount: 1 }, { absent: true }, "absent", false])(
    "does not run again where its look-up answers %j, as a database does",
    async (row) => {
      const { run } = opened();
      let runs = 0;
      const begun = (step: Steps): Promise<void> =>
        step.once(
          "mail",
          () => {
            runs += 1;
            return Promise.reject(crash);
          },
          async () => row as never,
        );
      await codeOf(run(begun));
      await expect(run(begun)).rejects.toThrow("reconcile must answer");
      expect(runs).toBe(1);
    },
  );

  test("is reconciled when a run ended in the middle of it: found, absent or unknown", async () => {
    for (const [answer, runs, value] of [
      [{ found: "sent" }, 1, "sent"],
      [{ absent: "fenced" }, 2, "sent again"],
      ["unknown", 1, undefined],
    ] as const) {
      const { run } = opened();
      let tries = 0;
      let result: unknown;
      const handle = () =>
        run(async (step) => {
          const send = async () => {
            tries += 1;
            if (tries === 1) throw crash;
            return "sent again";
          };
          result = await step.once("mail", send, async () => answer);
        });
      await codeOf(handle());
      const outcome = await codeOf(handle());
      expect(tries).toBe(runs);
      expect(result).toBe(value);
      if (answer === "unknown") expect(outcome).toBe("ONCE_OUTCOME_UNKNOWN");
    }
  });
});

describe("a transaction step", () => {
  test("commits its effect with its checkpoint, once", async () => {
    const { run, orders } = opened();
    const handle = (last: () => void) =>
      run(async (step) => {
        await step.transaction("insert", (database: DatabaseSync) => insertOrder(database, "tea"));
        last();
      });
    await codeOf(handle(() => expect.fail("crash")));
    await handle(() => undefined);
    expect(orders()).toEqual(["tea"]);
  });

  test("has no effect when it fails, or when the operation is another worker's by now", async () => {
    const { store, orders } = appDatabase({ clock: fakeClock(1_700_000_000_000) });
    const engine = leasedEngine(store, { onUnknown: "rerun" });
    const insert = (database: DatabaseSync): void => insertOrder(database, "tea");
    const late: Work<undefined> = async ({ step }) => {
      await codeOf(
        step.transaction("insert", (database: DatabaseSync) => {
          insert(database);
          throw crash;
        }),
      );
      expect(orders()).toEqual([]);
      const { record } = (await store.inspect(operation))!;
      await store.renew({ ...operation, owner: record.owner, leaseMs: 0 });
      await store.claim({ ...operation, owner: "another", leaseMs: 1000, retentionMs: 2000, takeOverAfterMs: 0 });
      expect(await codeOf(step.transaction("again", insert))).toBe("ONCE_LEASE_LOST");
      return done;
    };
    await engine.run(operation, late);
    expect(orders()).toEqual([]);
  });

  test("without a record just runs: in transactional mode in the open transaction, without a key in a separate one", async () => {
    const { store, orders } = appDatabase();
    const insert = async (step: Steps, item: string) => {
      await step.transaction("insert", (database: DatabaseSync) => insertOrder(database, item));
      return done;
    };
    await transactionalEngine(store, {}).run(operation, ({ step }) => insert(step, "tea"));
    await leasedEngine(store, {}).runUnkeyed("acme", ({ step }) => insert(step, "milk"));
    expect(orders()).toEqual(["tea", "milk"]);
  });
});

describe("a step of a worker that has lost its time", () => {
  /** A handler that is late, and calls its step when its lease is over. */
  const late = async (options: EngineOptions) => {
    const clock = fakeClock(1_700_000_000_000);
    const { store } = appDatabase({ clock });
    const open = () => leasedEngine(store, { clock, handlerMsMax: 500, leaseMs: 1000, ...options });
    const charges: number[] = [];
    const ends: unknown[] = [];
    const handle =
      (waitMs: number): Work<undefined> =>
      async ({ step }) => {
        await sleep(clock, waitMs);
        const look = async () => (charges.length > 0 ? { found: 1 } : ({ absent: "quiesced" } as const));
        // The request is under way for a while before it can be found.
        const charge = () => sleep(clock, 800).then(() => charges.push(clock.monotonic()));
        ends.push(await codeOf(step.once("charge", charge, look)));
        return done;
      };
    const first = codeOf(open().run(operation, handle(3100)));
    await clock.advance(3500);
    const second = codeOf(open().run(operation, handle(0)));
    await clock.advance(10_000);
    await Promise.all([first, second]);
    return { charges, ends };
  };

  test("does not begin where another worker looks it up", async () => {
    const { charges, ends } = await late({ onUnknown: "rerun", quiesceMs: 2000 });
    expect(charges).toHaveLength(1);
    expect(ends).toEqual(["ONCE_LEASE_LOST", "resolved with 1"]);
  });

  test("begins where no other worker will run: its result is the truth", async () => {
    const { charges, ends } = await late({ onUnknown: "hold" });
    expect([charges.length, ends]).toEqual([1, ["resolved with 1"]]);
  });
});

describe("an operation that was refused half-way", () => {
  const refusedOnce = (isAhead: boolean, ...[options]: Parameters<typeof opened>) => {
    const { engine, orders } = opened(options);
    let refusals = 1;
    return {
      orders,
      run: () =>
        engine.run(operation, async ({ step }) => {
          const reserve = () => step.transaction("reserve", (database: DatabaseSync) => insertOrder(database, "tea"));
          if (!isAhead) await reserve();
          if (refusals-- > 0) return { effect: "refused", result: Uint8Array.of(2) };
          await reserve();
          return done;
        }),
    };
  };

  test("is finished by its repeat, and what is done is not done again", async () => {
    const events: string[] = [];
    const { run, orders } = refusedOnce(false, { onUnknown: "finish", onEvent: ({ type }) => void events.push(type) });
    expect(await run()).toEqual({ kind: "executed", result: Uint8Array.of(2) });
    expect(await run()).toMatchObject({ kind: "executed", result: done.result });
    expect(await run()).toMatchObject({ kind: "replayed", result: done.result });
    expect(orders()).toEqual(["tea", "tea"]);
    const ends = events.filter((type) => type !== "store-answered" && type !== "received");
    expect(ends).toEqual(["handler-failed", "executed", "replayed"]);
  });

  test("has its last word where no step came before, and where it just runs again", async () => {
    for (const { run } of [refusedOnce(true, { onUnknown: "finish" }), refusedOnce(false, { onUnknown: "rerun" })]) {
      await run();
      expect(await run()).toEqual({ kind: "replayed", result: Uint8Array.of(2) });
    }
  });
});

test("a result too large to keep is refused", async () => {
  const { run } = opened({ checkpointBytesMax: 100 });
  const large = (step: Steps) => step.once("large", async () => "x".repeat(100), absent);
  expect(await codeOf(run(async (step) => void (await large(step))))).toBe("ONCE_OPTION_INVALID");
});

async function absent() {
  return { absent: "fenced" } as const;
}

function fail(_value: unknown): never {
  throw crash;
}
