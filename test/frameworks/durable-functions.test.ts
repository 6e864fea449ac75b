import { type DurableContext, type DurableLambdaHandler, withDurableExecution } from "@aws/durable-execution-sdk-js";
import { LocalDurableTestRunner, WaitingOperationStatus } from "@aws/durable-execution-sdk-js-testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NoEffectError } from "../../packages/once-again/src/engine/index.ts";
import { onceDurable, onceLambda } from "../../packages/once-again/src/frameworks/lambda/index.ts";
import type { DurableExecution, DurableOptions } from "../../packages/once-again/src/frameworks/lambda/once-durable.ts";
import { onceFunction } from "../../packages/once-again/src/function/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { fakeClock } from "../../packages/testing/src/fake-clock.ts";
import { faultyStore } from "../support/faulty-store.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// Durable functions of AWS Lambda, by AWS' own SDK and its local runner.

beforeAll(() => LocalDurableTestRunner.setupTestEnvironment());
afterAll(() => LocalDurableTestRunner.teardownTestEnvironment());

interface Order {
  readonly id: string;
}

const order: Order = { id: "order-7" };

type Handler = (order: Order, execution: DurableExecution, context: DurableContext) => Promise<unknown>;

/** A durable function, on a store in memory. */
function durable(handler: Handler, options: Partial<DurableOptions<Order, unknown>> = {}): DurableLambdaHandler {
  const common = {
    store: memoryStore(),
    scope: "order",
    key: ({ id }: Order) => id,
    waitMs: 0,
    secret: new Uint8Array(16),
    onError: () => undefined,
  };
  return withDurableExecution(onceDurable({ ...common, ...options }, handler));
}

const runner = (handlerFunction: DurableLambdaHandler) => new LocalDurableTestRunner({ handlerFunction });

/** Begins an execution, and waits until it is suspended: it waits for `approval`. */
async function suspend(handler: DurableLambdaHandler) {
  const first = runner(handler);
  const ended = first.run({ payload: order });
  const approval = first.getOperation("approval");
  await approval.waitForData(WaitingOperationStatus.SUBMITTED);
  return { ended, approve: () => approval.sendCallbackSuccess("yes") };
}

/** A handler with two steps, between which it is suspended, and what it did. */
function shipping() {
  const effects: string[] = [];
  let begun = 0;
  const handler: Handler = async ({ id }, { stepKey }, context) => {
    begun += 1;
    await context.step("charge", async () => effects.push(await stepKey("charge")));
    const approval = await context.waitForCallback("approval", async () => undefined);
    await context.step("ship", async () => effects.push(await stepKey("ship")));
    return { id, approval };
  };
  return { handler, effects, begun: () => begun };
}

describe("what Powertools tests of durable functions", () => {
  test("an execution that waits succeeds: its replay is no duplicate", async () => {
    let [begun, charged] = [0, 0];
    const handler = durable(async ({ id }, _execution, context) => {
      begun += 1;
      await context.step("charge", async () => (charged += 1));
      await context.wait({ seconds: 1 });
      return id;
    });
    const execution = await runner(handler).run({ payload: order });
    expect([execution.getStatus(), execution.getResult()]).toEqual(["SUCCEEDED", "order-7"]);
    expect([begun, charged, execution.getInvocations().length]).toEqual([2, 1, 2]);
  });

  test("another execution of the same event gets the result of the first, and there is one record", async () => {
    const store = sqliteStore({ path: `${temporaryFolder()}/keys.db` });
    const { handler, effects, begun } = shipping();
    const wrapped = durable(handler, { store });
    const first = await suspend(wrapped);
    await first.approve();
    const result = { id: "order-7", approval: "yes" };
    expect((await first.ended).getResult()).toEqual(result);
    const timesBegun = begun();
    const second = await runner(wrapped).run({ payload: order });
    expect([second.getStatus(), second.getResult(), second.getOperations()]).toEqual(["SUCCEEDED", result, []]);
    expect([effects.length, begun()]).toEqual([2, timesBegun]);
    expect(await store.list({})).toHaveLength(1);
    await store.close();
  });

  test("another execution while the first is suspended fails as one in progress, and the first goes on", async () => {
    const { handler, effects } = shipping();
    const wrapped = durable(handler);
    const first = await suspend(wrapped);
    const second = await runner(wrapped).run({ payload: order });
    expect([second.getStatus(), second.getError().errorType]).toEqual(["FAILED", "ONCE_IN_PROGRESS"]);
    await first.approve();
    expect((await first.ended).getStatus()).toBe("SUCCEEDED");
    expect(effects).toHaveLength(2);
  });

  test("an execution that fails leaves no free key behind, unless its handler says that nothing happened", async () => {
    const effects: string[] = [];
    let failure: Error | undefined = new NoEffectError("sold out");
    const handler = durable(async (_order, { stepKey }, context) => {
      if (failure instanceof NoEffectError) throw failure;
      await context.step("charge", async () => effects.push(await stepKey("charge")));
      if (failure !== undefined) throw failure;
      return "shipped";
    });
    const run = async () => {
      const execution = await runner(handler).run({ payload: order });
      return execution.getStatus() === "FAILED" ? execution.getError().errorType : execution.getResult();
    };
    expect(await run()).toBe("ONCE_NO_EFFECT");
    failure = new RangeError("no parcel");
    expect(await run()).toBe("RangeError");
    failure = undefined;
    expect(await run()).toBe("ONCE_OUTCOME_UNKNOWN");
    expect(effects).toHaveLength(1);
  });
});

test("where Powertools stops, after 15 minutes: the key of a suspended execution is its own, for up to a year", async () => {
  const clock = fakeClock(1_700_000_000_000);
  const { handler, effects } = shipping();
  const wrapped = durable(handler, {
    clock,
    store: memoryStore({ clock }),
    onUnknown: "rerun",
    acknowledgeDuplicates: true,
  });
  const first = await suspend(wrapped);
  for (const passedMs of [16 * 60_000, 86_400_000, 364 * 86_400_000]) {
    await clock.advance(passedMs);
    const second = await runner(wrapped).run({ payload: order });
    expect(second.getError().errorType).toBe("ONCE_IN_PROGRESS");
  }
  expect(effects).toHaveLength(1);
  await first.approve();
  expect((await first.ended).getResult()).toEqual({ id: "order-7", approval: "yes" });
  expect(effects).toHaveLength(2);
});

test("where another execution runs an order again, its steps have the keys that they had before", async () => {
  const keys: string[] = [];
  let failing = true;
  const handler = durable(
    async (_order, { stepKey, abandoned }, context) => {
      await context.step("charge", async () => keys.push(await stepKey("charge")));
      await context.step("ship", async () => keys.push(await stepKey("ship")));
      if (failing) throw new Error("broken off");
      return { abandoned };
    },
    { onUnknown: "rerun", acknowledgeDuplicates: true },
  );
  expect((await runner(handler).run({ payload: order })).getStatus()).toBe("FAILED");
  failing = false;
  expect((await runner(handler).run({ payload: order })).getResult()).toEqual({ abandoned: true });
  expect(keys).toEqual([keys[0], keys[1], keys[0], keys[1]]);
  expect(keys[0]).not.toBe(keys[1]);
});

test("a step is tried again with the key of its first attempt", async () => {
  const keys: string[] = [];
  const handler = durable((_order, { stepKey }, context) =>
    context.step(
      "charge",
      async ({ attempt }) => {
        keys.push(await stepKey("charge"));
        if (attempt === 1) throw new Error("no answer");
        return "charged";
      },
      { retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 1 } }) },
    ),
  );
  expect((await runner(handler).run({ payload: order })).getResult()).toBe("charged");
  expect(keys).toEqual([keys[0], keys[0]]);
});

test("a function with another key is called in a step, within the time of the invocation", async () => {
  const made: string[] = [];
  const charge = onceFunction(
    { store: memoryStore(), scope: "charge", key: (id: string) => id },
    (_execution, id) => `receipt ${made.push(id)}`,
  );
  const handler = durable(({ id }, _execution, context) =>
    context.step("charge", () => charge.within(context.lambdaContext, id)),
  );
  expect((await runner(handler).run({ payload: order })).getResult()).toBe("receipt 1");
  expect(await charge("order-7")).toBe("receipt 1");
});

test("the SDK takes a store that fails for an invocation that fails, which Lambda repeats, and no failed execution", async () => {
  for (const operation of ["claim", "complete"] as const) {
    const store = faultyStore(memoryStore());
    const handler = durable(async () => "shipped", { store, storeMsMax: 50 });
    store.fail(operation, "before");
    const code = operation === "claim" ? "ONCE_STORE_UNAVAILABLE" : "ONCE_RESULT_UNCONFIRMED";
    await expect(runner(handler).run({ payload: order })).rejects.toMatchObject({ code });
  }
});

test("onceLambda within a durable function fails it at once, and says what to take", async () => {
  let runs = 0;
  const inner = onceLambda({ store: memoryStore(), scope: "plain", key: ({ id }: Order) => id }, () => (runs += 1));
  const execution = await runner(withDurableExecution(inner as never)).run({ payload: order });
  expect(execution.getStatus()).toBe("FAILED");
  expect(execution.getError()).toMatchObject({
    errorType: "ONCE_OPTION_INVALID",
    errorMessage: expect.stringContaining("withDurableExecution(onceDurable(…))") as string,
  });
  expect(runs).toBe(0);
});
