import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import type { Operation } from "../attempt.ts";
import { successBudget } from "../budgets/success-budget.ts";
import { run } from "../layer.ts";
import { hedge } from "./hedge.ts";

/** One scripted call of an operation: a value or an error, after so long. */
type Step = { readonly afterMs: number; readonly answer: unknown };

function scripted(steps: readonly Step[]) {
  const clock = fakeClock();
  const signals: AbortSignal[] = [];
  const starts: number[] = [];
  const operation: Operation<unknown> = ({ signal }) => {
    const { afterMs, answer } = steps[signals.length] ?? { afterMs: 0, answer: "unscripted" };
    signals.push(signal);
    starts.push(clock.monotonic());
    return new Promise((resolve, reject) => {
      clock.timer(afterMs, () => (answer instanceof Error ? reject(answer) : resolve(answer)));
    });
  };
  return { clock, signals, starts, operation };
}

/** Waits for the rejection that is to come; begun before it, so that it is never unhandled. */
async function rejects(promise: Promise<unknown>, reason: unknown): Promise<void> {
  await expect(promise).rejects.toEqual(reason);
}

const aborted = (signals: readonly AbortSignal[]): boolean[] => signals.map((signal) => signal.aborted);

test("a fast call is not hedged", async () => {
  const { clock, signals, operation } = scripted([{ afterMs: 50, answer: "first" }]);
  const call = run(hedge({ delayMs: 100, clock })(operation));
  await clock.advance(1000);
  expect(await call).toBe("first");
  expect(aborted(signals)).toEqual([false]);
  expect(clock.pending).toBe(0);
});

test("the second call of a slow one wins, and the first is cancelled", async () => {
  const { clock, signals, starts, operation } = scripted([
    { afterMs: 900, answer: "first" },
    { afterMs: 50, answer: "second" },
  ]);
  const call = run(hedge({ delayMs: 100, clock })(operation));
  await clock.advance(150);
  expect(await call).toBe("second");
  expect(starts).toEqual([0, 100]);
  expect(aborted(signals)).toEqual([true, false]);
  expect(signals[0]?.reason).toMatchObject({ name: "AbortError" });
});

test("a hedge that fails does not end the race, and neither does a refusal", async () => {
  for (const answer of [new Error("fault"), new Response(null, { status: 409 })]) {
    const { clock, operation } = scripted([
      { afterMs: 900, answer: "first" },
      { afterMs: 50, answer },
    ]);
    const call = run(hedge({ delayMs: 100, clock })(operation));
    await clock.advance(1000);
    expect(await call).toBe("first");
  }
});

test("when all fail, their errors are thrown, or else the last value is returned unbroken", async () => {
  const [one, other] = [new Error("one"), new Error("other")];
  const [busy, down] = [new Response(null, { status: 429 }), new Response(null, { status: 503 })];
  const outcome = async (first: unknown, second: unknown) => {
    const { clock, signals, operation } = scripted([
      { afterMs: 900, answer: first },
      { afterMs: 50, answer: second },
    ]);
    const call = run(hedge({ delayMs: 100, clock })(operation)).catch((error: unknown) => ({ error }));
    await clock.advance(1000);
    return { ended: await call, aborted: aborted(signals) };
  };
  expect((await outcome(one, other)).ended).toMatchObject({ error: { errors: [other, one] } });
  expect((await outcome(one, down)).ended).toEqual({ error: one });
  expect(await outcome(busy, down)).toEqual({ ended: busy, aborted: [false, true] });
});

test("a first call that fails at once is not hedged: that is for a retry", async () => {
  const fault = new Error("fault");
  const { clock, starts, operation } = scripted([{ afterMs: 10, answer: fault }]);
  const call = rejects(run(hedge({ delayMs: 100, clock })(operation)), fault);
  await clock.advance(1000);
  await call;
  expect(starts).toEqual([0]);
});

test("as many hedges as may, one delay after the other, each paid for", async () => {
  const slow = Array.from({ length: 5 }, () => ({ afterMs: 1000, answer: "slow" }));
  const budget = successBudget({ capacity: 10 });
  const { clock, starts, operation } = scripted(slow);
  const call = run(hedge({ delayMs: 100, hedgesMax: 3, budget, clock })(operation));
  await clock.advance(1000);
  expect(await call).toBe("slow");
  expect(starts).toEqual([0, 100, 200, 300]);
  let left = 0;
  while (budget.tryTake()) left += 1;
  expect(left).toBe(7);

  const empty = scripted(slow);
  const unpaid = run(hedge({ delayMs: 100, budget, clock: empty.clock })(empty.operation));
  await empty.clock.advance(1000);
  await unpaid;
  expect(empty.starts).toEqual([0]);
});

test("what must not run twice is not hedged", async () => {
  const { clock, starts, operation } = scripted([{ afterMs: 900, answer: "only" }]);
  const { signal } = new AbortController();
  const call = hedge({ delayMs: 100, clock })(operation)({
    number: 1,
    remainingMs: undefined,
    signal,
    repeatable: false,
  });
  await clock.advance(1000);
  expect(await call).toBe("only");
  expect(starts).toEqual([0]);
});

test("the caller's abort ends all of them at once and leaves nothing behind", async () => {
  const { clock, signals, operation } = scripted([
    { afterMs: 900, answer: "first" },
    { afterMs: 900, answer: "second" },
  ]);
  const controller = new AbortController();
  const call = rejects(run(hedge({ delayMs: 100, hedgesMax: 2, clock })(operation), controller.signal), "enough");
  await clock.advance(150);
  controller.abort("enough");
  await call;
  expect(signals.map((signal) => signal.reason as unknown)).toEqual(["enough", "enough"]);
  expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  await clock.advance(1000);
  expect(signals).toHaveLength(2);
});

test("p95 hedges the calls that are slower than 95% of the last ones, once 20 are known", async () => {
  const steps = [
    { afterMs: 5000, answer: "unhedged" },
    ...Array.from({ length: 19 }, (_, index) => ({ afterMs: 10 * (index + 1), answer: "known" })),
    { afterMs: 5000, answer: "slow" },
    { afterMs: 10, answer: "hedge" },
  ];
  const { clock, starts, operation } = scripted(steps);
  const layered = hedge({ delayMs: "p95", clock })(operation);
  for (let call = 0; call < 20; call += 1) {
    const known = run(layered);
    await clock.advance(5000);
    await known;
  }
  expect(starts).toHaveLength(20);
  const call = run(layered);
  await clock.advance(5000);
  expect(await call).toBe("hedge");
  // Of 10, 20, ... 190 and 5,000 ms the 19th of 20.
  expect(Number(starts[21]) - Number(starts[20])).toBe(190);
});

test.each([{ delayMs: -1 }, { delayMs: 1, hedgesMax: 0 }, { delayMs: 1, hedgesMax: 11 }])(
  "%o is refused",
  (options) => {
    expect(() => hedge(options)).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
  },
);

test("a predicate or a budget that throws neither hangs a hedged call nor ends the process", async () => {
  const failed = (): never => {
    throw new Error("no response");
  };
  const { clock, operation } = scripted([
    { afterMs: 200, answer: "first" },
    { afterMs: 50, answer: "second" },
  ]);
  const call = run(hedge({ delayMs: 100, clock, isFailure: failed })(operation));
  await clock.advance(1000);
  expect(await call).toBe("first");

  const budget = { tryTake: failed, onSuccess: failed };
  const other = scripted([{ afterMs: 900, answer: "first" }]);
  const unhedged = run(hedge({ delayMs: 100, clock: other.clock, budget })(other.operation));
  await other.clock.advance(1000);
  expect(await unhedged).toBe("first");
  expect(other.starts).toEqual([0]);
});

test("of one error and one answer that failed the error is what comes of it; of three answers the last", async () => {
  const fault = new Error("fault");
  const answers = [429, 500, 503].map((status) => new Response(null, { status }));
  const outcome = async (...given: unknown[]): Promise<unknown> => {
    const { clock, operation } = scripted(given.map((answer, index) => ({ afterMs: 900 + index, answer })));
    const call = run(hedge({ delayMs: 100, hedgesMax: given.length - 1, clock })(operation));
    const ended = call.catch((error: unknown) => ({ error }));
    await clock.advance(5000);
    return ended;
  };
  expect(await outcome(answers[0], fault)).toEqual({ error: fault });
  expect(await outcome(fault, answers[0])).toEqual({ error: fault });
  expect(await outcome(...answers)).toBe(answers[2]);
});

test("400 is where an answer begins to have failed", async () => {
  for (const [status, wins] of [
    [399, true],
    [400, false],
  ] as const) {
    const early = { status };
    const { clock, operation } = scripted([
      { afterMs: 900, answer: "slow" },
      { afterMs: 50, answer: early },
    ]);
    const call = run(hedge({ delayMs: 100, clock })(operation));
    await clock.advance(1000);
    expect(await call).toBe(wins ? early : "slow");
  }
});

test("19 known calls are too few for p95, and failed ones are not counted", async () => {
  const { clock, starts, operation } = scripted([
    ...Array.from({ length: 19 }, () => ({ afterMs: 10, answer: "known" })),
    ...Array.from({ length: 5 }, () => ({ afterMs: 1, answer: new Response(null, { status: 500 }) })),
    { afterMs: 5000, answer: "unhedged" },
  ]);
  const layered = hedge({ delayMs: "p95", clock })(operation);
  for (let call = 0; call < 25; call += 1) {
    const known = run(layered);
    await clock.advance(5000);
    await known;
  }
  expect(starts).toHaveLength(25);
});

test("half a hedge is refused", () => {
  expect(() => hedge({ delayMs: 1, hedgesMax: 1.5 })).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
});
