import { getEventListeners } from "node:events";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom } from "../core/random.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import type { Operation } from "./attempt.ts";
import { successBudget } from "./budgets/success-budget.ts";
import { type AnyLayer, compose, type Layer, retrying, run } from "./layer.ts";
import type { RetryEvent } from "./retry-event.ts";
import { retry } from "./retry.ts";

const never = (): Promise<never> => new Promise(() => {});

/** Waits for the rejection that is to come; begun before it, so that it is never unhandled. */
async function rejects(promise: Promise<unknown>, reason: unknown): Promise<void> {
  await expect(promise).rejects.toEqual(reason);
}

test("layers read from outside in", async () => {
  const met: string[] = [];
  const named =
    (name: string): AnyLayer =>
    (next) =>
    async (attempt) => {
      met.push(`into ${name}`);
      const value = await next(attempt);
      met.push(`out of ${name}`);
      return value;
    };
  expect(await run(compose(named("first"), named("second"))(() => 7))).toBe(7);
  expect(met).toEqual(["into first", "into second", "out of second", "out of first"]);
  expect(await run(compose()(() => 7))).toBe(7);
});

test("a layer of one value's type and layers of any compose", async () => {
  const double: Layer<number> = (next) => async (attempt) => 2 * (await next(attempt));
  const same: AnyLayer = (next) => next;
  expect(await run(compose(same, double, retrying({ attemptsMax: 2 }))(() => 4))).toBe(8);
});

test("retry(operation, options) is run(retrying(options)(operation))", async () => {
  /** The events of a call with scripted attempts: each ends after so many milliseconds, well or badly. */
  const story = async (
    call: typeof retry<number>,
    script: ReadonlyArray<{ ms: number; ok: boolean }>,
    seed: number,
  ): Promise<unknown> => {
    const clock = fakeClock();
    const events: RetryEvent[] = [];
    const operation: Operation<number> = async ({ number, remainingMs }) => {
      const { ms, ok } = script[number - 1] ?? { ms: 0, ok: true };
      await new Promise<void>((resolve) => void clock.timer(ms, resolve));
      if (!ok) throw new Error(`attempt ${number} with ${remainingMs} ms left`);
      return number;
    };
    const options = {
      attemptsMax: 4,
      attemptTimeoutMs: 800,
      timeoutMs: 5000,
      budget: successBudget({ capacity: 10 }),
      random: seededRandom(seed),
      onEvent: (event: RetryEvent) => events.push(event),
      clock,
    };
    const ended = call(operation, options).then(
      (value) => ({ value }),
      (error: Error) => ({ error: error.message, cause: String(error.cause) }),
    );
    await clock.advance(30_000);
    return [await ended, events.map((event) => ({ ...event, error: undefined }))];
  };
  const step = fc.record({ ms: fc.nat(1000), ok: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 4 }), fc.integer(), async (script, seed) => {
      const composed = await story((operation, options) => run(retrying(options)(operation)), script, seed);
      expect(composed).toEqual(await story(retry, script, seed));
    }),
    { numRuns: 100 },
  );
});

test("an attempt around a retry bounds it: its time, its abort, and whether it may be repeated", async () => {
  const clock = fakeClock();
  const seen: unknown[] = [];
  const controller = new AbortController();
  const operation = retrying<never>({ clock, timeoutMs: 9000 })(({ remainingMs, repeatable }) => {
    seen.push([remainingMs, repeatable]);
    return never();
  });
  const call = operation({ number: 1, signal: controller.signal, remainingMs: 500, repeatable: false });
  const ended = rejects(call, "enough");
  await clock.advance(0);
  controller.abort("enough");
  await ended;
  expect(seen).toEqual([[500, false]]);
  expect(clock.pending).toBe(0);
  expect(getEventListeners(controller.signal, "abort")).toEqual([]);
});

test("run hands its signal on, and starts nothing when it was aborted before", async () => {
  const { signal } = new AbortController();
  expect(await run((attempt) => attempt.signal, signal)).toBe(signal);
  await expect(run(() => expect.fail("was called"), AbortSignal.abort("before"))).rejects.toBe("before");
});

test("what must not run twice is made once by a layer that retries, and its error comes as it is", async () => {
  const fault = new Error("fault");
  let runs = 0;
  const operation = retrying({ backoff: () => 0 })(() => {
    runs += 1;
    throw fault;
  });
  const { signal } = new AbortController();
  const attempt = { number: 1, remainingMs: undefined, signal };
  await expect(operation({ ...attempt, repeatable: false })).rejects.toBe(fault);
  expect(runs).toBe(1);
  await expect(operation({ ...attempt, repeatable: true })).rejects.toMatchObject({ code: "ONCE_ATTEMPTS_EXHAUSTED" });
  expect(runs).toBe(6);
});

test("both the layer's own signal and that of the attempt around it end its retries", async () => {
  for (const which of ["own", "outer"]) {
    const [own, outer] = [new AbortController(), new AbortController()];
    const begun = Promise.withResolvers<void>();
    const operation = retrying({ signal: own.signal })(() => {
      begun.resolve();
      return new Promise(() => undefined);
    });
    const call = run(operation, outer.signal);
    const ended = rejects(call, which);
    await begun.promise;
    (which === "own" ? own : outer).abort(which);
    await ended;
  }
});
