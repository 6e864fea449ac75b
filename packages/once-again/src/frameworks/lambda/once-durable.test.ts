import { describe, expect, test } from "vitest";
import { collectGarbage } from "../../../../../test/support/collect-garbage.ts";
import { faultyStore } from "../../../../../test/support/faulty-store.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { NoEffectError, type ServerEvent } from "../../engine/index.ts";
import { memoryStore } from "../../stores/memory/index.ts";
import { type DurableExecution, type DurableOptions, onceDurable } from "./once-durable.ts";
import { onceLambda } from "./once-lambda.ts";
import { onceSqs } from "./sqs.ts";

interface Order {
  readonly id: string;
  readonly amount: number;
}

const order: Order = { id: "order-7", amount: 700 };
const secret = new Uint8Array(16);
const dayMs = 86_400_000;

/** The context of one durable execution, in each of its invocations. */
const execution = (name: string) => ({
  executionContext: {
    durableExecutionArn: `arn:aws:lambda:eu-west-1:1:function:shop:1/durable-execution/${name}/1`,
  },
});

const [one, other] = [execution("one"), execution("other")];

type Handler = (order: Order, execution: DurableExecution) => unknown;

/** A durable function on a store that fails on demand, and a clock that stands still. */
function durable(handler: Handler, options: Partial<DurableOptions<Order, unknown>> = {}) {
  const clock = fakeClock(1_700_000_000_000);
  const memory = memoryStore({ clock });
  const store = faultyStore(memory);
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const common = { store, scope: "order", key: ({ id }: Order) => id, secret, waitMs: 0, clock, onError };
  const run = onceDurable({ ...common, ...options }, async (event: Order, given) => handler(event, given));
  const inspect = async () => memory.inspect({ scope: "order", key: order.id });
  return { run, store, clock, errors, inspect };
}

/** Work that is suspended: its promise never settles, as AWS' SDK has it. */
const suspended = (): Promise<never> => new Promise(() => undefined);

/** Begins an invocation that is suspended, and waits until its handler has begun. */
async function suspend(
  run: (order: Order, context: typeof one) => Promise<unknown>,
  begun: () => number,
  context = one,
): Promise<void> {
  const before = begun();
  void run(order, context);
  await expect.poll(begun).toBe(before + 1);
}

/** A handler that is suspended until it is let go on. */
function suspending(result: unknown = "shipped") {
  let [begun, goesOn] = [0, false];
  const executions: DurableExecution[] = [];
  const handler: Handler = (_order, given) => {
    executions.push(given);
    begun += 1;
    return goesOn ? result : suspended();
  };
  return { handler, executions, begun: () => begun, goOn: () => void (goesOn = true) };
}

describe("the execution that came first owns the key until it ends", () => {
  test("a replay goes on, as the same attempt, whatever was recorded of it", async () => {
    const { handler, executions, begun, goOn } = suspending();
    const { run } = durable(handler);
    for (let times = 0; times < 3; times += 1) await suspend(run, begun);
    goOn();
    expect(await run(order, one)).toBe("shipped");
    expect(executions.map(({ attempt, abandoned }) => [attempt, abandoned])).toEqual(
      Array.from({ length: 4 }, () => [1, false]),
    );
    expect(new Set(executions.map(({ fence }) => fence)).size).toBe(1);
  });

  test("another execution is in progress for a year, and gets the result when the first has it", async () => {
    const { handler, begun, goOn } = suspending({ receipt: 1 });
    const { run, clock } = durable(handler, { onUnknown: "rerun", acknowledgeDuplicates: true });
    await suspend(run, begun);
    for (const passedMs of [0, 16 * 60_000, dayMs, 364 * dayMs]) {
      await clock.advance(passedMs);
      await expect(run(order, other)).rejects.toMatchObject({ code: "ONCE_IN_PROGRESS", name: "ONCE_IN_PROGRESS" });
    }
    goOn();
    expect(await run(order, one)).toEqual({ receipt: 1 });
    expect(await run(order, other)).toEqual({ receipt: 1 });
    expect(begun()).toBe(2);
  });

  test("its invocations make its time longer, and executionMsMax is the end of it", async () => {
    const { handler, executions, begun, goOn } = suspending();
    const { run, clock } = durable(handler, {
      executionMsMax: 3_600_000,
      onUnknown: "rerun",
      acknowledgeDuplicates: true,
    });
    await suspend(run, begun);
    await clock.advance(3_599_999);
    await suspend(run, begun);
    await clock.advance(3_599_999);
    await expect(run(order, other)).rejects.toMatchObject({ code: "ONCE_IN_PROGRESS" });
    await clock.advance(1);
    goOn();
    expect(await run(order, other)).toBe("shipped");
    expect(executions.at(-1)).toMatchObject({ attempt: 2, abandoned: true });
    expect(await run(order, one)).toBe("shipped");
  });

  test("a handler may change its event: the key is that of the event that came", async () => {
    let begun = 0;
    const { run } = durable((event) => {
      (event as { id: string }).id = "changed";
      begun += 1;
      return begun === 1 ? suspended() : "done";
    });
    void run({ ...order }, one);
    await expect.poll(() => begun).toBe(1);
    expect(await run({ ...order }, one)).toBe("done");
    expect(await run({ ...order }, other)).toBe("done");
    expect(begun).toBe(2);
  });

  test("an ARN longer than 255 characters owns its key, too", async () => {
    const { handler, begun, goOn } = suspending();
    const { run, inspect } = durable(handler);
    const long = execution("n".repeat(300));
    await suspend(run, begun, long);
    expect((await inspect())?.record.owner).toMatch(/^sha256:[\da-f]{64}$/);
    await expect(run(order, execution(`${"n".repeat(299)}m`))).rejects.toMatchObject({ code: "ONCE_IN_PROGRESS" });
    goOn();
    expect(await run(order, long)).toBe("shipped");
  });

  test("operators see which execution owns a key", async () => {
    const { handler, begun } = suspending();
    const { run, inspect } = durable(handler);
    await suspend(run, begun);
    expect(await inspect()).toMatchObject({
      state: "running",
      record: { owner: one.executionContext.durableExecutionArn },
    });
  });
});

describe("how an execution ends", () => {
  test("one that fails is held by default, and another runs again where that is asked for, with the same keys", async () => {
    for (const onUnknown of ["hold", "rerun"] as const) {
      const keys: string[] = [];
      let failing = true;
      const handler: Handler = async (_order, { stepKey }) => {
        keys.push(await stepKey("charge"), await stepKey("ship"));
        if (failing) throw new Error("broken off");
        return "shipped";
      };
      const { run } = durable(handler, { onUnknown, acknowledgeDuplicates: true });
      await expect(run(order, one)).rejects.toThrow("broken off");
      failing = false;
      const again = run(order, other);
      if (onUnknown === "hold") await expect(again).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
      else expect(await again).toBe("shipped");
      expect(keys).toEqual(onUnknown === "hold" ? keys.slice(0, 2) : [...keys.slice(0, 2), ...keys.slice(0, 2)]);
      expect(new Set(keys).size).toBe(2);
    }
  });

  test("one that had no effect gives its key back, and a refusal is stored", async () => {
    let soldOut = true;
    const refusals = {
      encode: (error: unknown) => (error instanceof RangeError ? error.message : undefined),
      decode: (message: string) => new RangeError(message),
    };
    const handler: Handler = ({ amount }) => {
      if (soldOut) throw new NoEffectError("sold out");
      if (amount > 0) throw new RangeError("too much");
      return "shipped";
    };
    const { run } = durable(handler, { refusals } as never);
    await expect(run(order, one)).rejects.toMatchObject({ code: "ONCE_NO_EFFECT" });
    soldOut = false;
    for (const context of [other, one]) await expect(run(order, context)).rejects.toThrow(new RangeError("too much"));
  });

  test("of one that Lambda has ended the key is held, or another's, as soon as hasEnded says so", async () => {
    for (const onUnknown of ["hold", "rerun"] as const) {
      const { handler, executions, begun, goOn } = suspending();
      const asked: string[] = [];
      let ended = false;
      const hasEnded = (arn: string): boolean => asked.push(arn) > 0 && ended;
      const { run, inspect } = durable(handler, { onUnknown, hasEnded, acknowledgeDuplicates: true });
      await suspend(run, begun);
      await expect(run(order, other)).rejects.toMatchObject({ code: "ONCE_IN_PROGRESS" });
      ended = true;
      goOn();
      const next = run(order, other);
      if (onUnknown === "hold") {
        await expect(next).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
        expect(await inspect()).toMatchObject({ state: "abandoned" });
      } else {
        expect(await next).toBe("shipped");
        expect(executions.at(-1)).toMatchObject({ attempt: 2, abandoned: true });
      }
      expect(asked).toEqual(Array.from({ length: 2 }, () => one.executionContext.durableExecutionArn));
    }
  });

  test("a hasEnded that fails, or says neither yes nor no, leaves the key in progress, and is reported", async () => {
    for (const hasEnded of [
      () => Promise.reject(new Error("AccessDenied")),
      () => "RUNNING" as never,
      () => undefined as never,
    ]) {
      const { handler, begun } = suspending();
      const { run, errors } = durable(handler, { hasEnded });
      await suspend(run, begun);
      await expect(run(order, other)).rejects.toMatchObject({ code: "ONCE_IN_PROGRESS" });
      expect(errors).toHaveLength(1);
    }
  });
});

describe("a store that fails ends the invocation, and not the execution", () => {
  const interrupted = { isUnrecoverableInvocation: true };

  test("a claim without an answer is asked for again by the next invocation, and nothing gives it back", async () => {
    const { handler, begun, goOn } = suspending();
    const { run, store, clock, inspect } = durable(handler, { storeMsMax: 1000 });
    await suspend(run, begun);
    store.fail("claim", "silent-after");
    const call = run(order, one).catch((error: unknown) => error);
    await expect.poll(() => store.asked.length).toBe(2);
    await clock.advance(1000);
    expect(await call).toMatchObject({ code: "ONCE_STORE_UNAVAILABLE", ...interrupted });
    await clock.advance(120_000);
    expect(store.asked).not.toContain("release");
    expect(await inspect()).toMatchObject({ state: "running" });
    store.fail("claim", "before", 0);
    goOn();
    expect(await run(order, one)).toBe("shipped");
  });

  test("a result that was not confirmed is stored by the next invocation, and nothing makes its time shorter", async () => {
    for (const failure of ["silent", "silent-after"] as const) {
      const { handler, begun, goOn } = suspending();
      const { run, store, clock, inspect } = durable(handler, { storeMsMax: 1000 });
      goOn();
      store.fail("complete", failure);
      const call = run(order, one).catch((error: unknown) => error);
      await expect.poll(() => store.asked.includes("complete")).toBe(true);
      await clock.advance(1000);
      expect(await call).toMatchObject({ code: "ONCE_RESULT_UNCONFIRMED", ...interrupted });
      await clock.advance(120_000);
      expect(store.asked).not.toContain("renew");
      const isStored = failure === "silent-after";
      expect((await inspect())?.state).toBe(isStored ? "done" : "running");
      store.fail("complete", "before", 0);
      expect(await run(order, one)).toBe("shipped");
      expect(begun()).toBe(isStored ? 1 : 2);
    }
  });

  test("a failure that was not confirmed is one when it is: until then the execution goes on", async () => {
    const { run, store, clock, inspect } = durable(
      () => {
        throw new Error("broken off");
      },
      { storeMsMax: 1000 },
    );
    store.fail("renew", "silent");
    const call = run(order, one).catch((error: unknown) => error);
    await expect.poll(() => store.asked.includes("renew")).toBe(true);
    await clock.advance(1000);
    expect(await call).toMatchObject({ code: "ONCE_RESULT_UNCONFIRMED", ...interrupted });
    store.fail("renew", "before", 0);
    await expect(run(order, one)).rejects.toThrow("broken off");
    expect(await inspect()).toMatchObject({ state: "abandoned" });
  });

  test("what does not pass by itself fails the execution", async () => {
    const { run, store } = durable(() => "shipped");
    const fault = new OnceAgainError("ONCE_OPTION_INVALID", "The bucket keeps nothing for so long.");
    const refusing = { ...store, claim: () => Promise.reject(fault) };
    const wrong = onceDurable({ store: refusing, scope: "wrong", key: () => "k" }, () => 1);
    expect(await run(order, one)).toBe("shipped");
    for (const [call, code] of [
      [() => wrong(order, one), "ONCE_STORE_UNAVAILABLE"],
      [() => run({ ...order, amount: 1 }, other), "ONCE_KEY_REUSED"],
    ] as const) {
      const error: unknown = await call().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code });
      expect(error).not.toHaveProperty("isUnrecoverableInvocation");
    }
  });

  test("an error by which the SDK ends an invocation settles nothing: the execution goes on", async () => {
    let times = 0;
    const { run, inspect } = durable(() => {
      if ((times += 1) === 1) throw Object.assign(new Error("checkpoint failed"), interrupted);
      return "shipped";
    });
    await expect(run(order, one)).rejects.toMatchObject({ message: "checkpoint failed", ...interrupted });
    expect(await inspect()).toMatchObject({ state: "running" });
    await expect(run(order, other)).rejects.toMatchObject({ code: "ONCE_IN_PROGRESS" });
    expect(await run(order, one)).toBe("shipped");
  });
});

test("an invocation that is suspended stays nowhere in memory, and holds up no close", async () => {
  let begun = 0;
  const parts: WeakRef<object>[] = [];
  const onEvent = ({ type, ...event }: ServerEvent): void => {
    if (type === "received" && "call" in event) parts.push(new WeakRef(event.call!));
  };
  const handler: Handler = () => {
    const held = {};
    parts.push(new WeakRef(held));
    begun += 1;
    return new Promise(() => held);
  };
  const { run } = durable(handler, { onEvent });
  for (let times = 0; times < 20; times += 1) await suspend(run, () => begun);
  expect(parts).toHaveLength(40);
  await expect
    .poll(() => {
      collectGarbage();
      return parts.filter((part) => part.deref() !== undefined).length;
    })
    .toBe(0);
  await run.close();
  await expect(run(order, one)).rejects.toMatchObject({ code: "ONCE_CLOSED" });
});

test("the key of a step needs a secret and a name", async () => {
  let name: unknown = "charge";
  const handler: Handler = (_order, { stepKey, key }) => stepKey(name as string).then((stepKeyOf) => [key, stepKeyOf]);
  const { run } = durable(handler);
  expect(await run(order, one)).toEqual(["order-7", expect.stringMatching(/^[\da-f-]{36}$/)]);
  for (name of ["", undefined, 7]) {
    const refused = run({ id: `without ${typeof name} ${String(name)}`, amount: 1 }, one);
    await expect(refused).rejects.toMatchObject({ cause: { code: "ONCE_OPTION_INVALID" } });
  }
  name = "charge";
  const without = durable(handler, { secret: undefined });
  const refused = { cause: { message: expect.stringContaining("secret must be given") as string } };
  await expect(without.run(order, one)).rejects.toMatchObject(refused);
});

test("options of one process, and those that make no sense, are refused", () => {
  const options = { store: memoryStore(), key: () => "k" };
  for (const [index, wrong] of [
    { leaseMs: 1000 },
    { handlerMsMax: 1000 },
    { quiesceMs: 1000 },
    { checkpointBytesMax: 1000 },
    { mode: "transactional" },
    { onUnknown: "finish" },
    { onUnknown: async () => "unknown" },
    { executionMsMax: 999 },
    { executionMsMax: 367 * dayMs },
    { hasEnded: true },
    { store: { ...memoryStore(), retentionMsMax: dayMs }, heldRetentionMs: dayMs },
  ].entries()) {
    const make = () => onceDurable({ ...options, scope: `s${index}`, ...wrong } as never, () => 1);
    expect(make, JSON.stringify(wrong)).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }) as Error);
  }
  expect(() => onceDurable(undefined as never, () => 1)).toThrow("must be an object");
  expect(() => onceDurable({ ...options, scope: "h" }, undefined as never)).toThrow("handler must be a function");
  expect(() => onceDurable({ ...options, scope: "l", leaseMs: 1 } as never, () => 1)).toThrow(
    'onceDurable has no option "leaseMs"',
  );
});

test("a durable execution needs onceDurable, and onceDurable a durable execution: each says so, and does nothing", async () => {
  const options = { store: memoryStore(), key: () => "k" };
  const plain = { getRemainingTimeInMillis: () => 30_000 };
  const envelope = { DurableExecutionArn: "arn", CheckpointToken: "t", InitialExecutionState: { Operations: [] } };
  let runs = 0;
  const any = onceLambda({ ...options, scope: "any" }, () => (runs += 1));
  const queue = onceSqs({ ...options, scope: "queue" }, () => (runs += 1));
  const ofDurable = onceDurable({ ...options, scope: "durable" }, () => (runs += 1));
  for (const call of [
    () => any({}, { ...plain, ...one }),
    () => any(envelope, plain),
    () => queue({ Records: [] }, { ...plain, ...one }),
    () => ofDurable({}, plain as never),
    () => ofDurable(envelope, plain as never),
    () => ofDurable({}, undefined),
  ]) {
    await expect(call()).rejects.toMatchObject({
      code: "ONCE_OPTION_INVALID",
      message: expect.stringContaining("withDurableExecution(onceDurable(…))") as string,
    });
  }
  expect([runs, options.store.list({})]).toEqual([0, []]);
});
