import { getEventListeners } from "node:events";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { run } from "../layer.ts";
import { concurrencyLimit } from "./concurrency-limit.ts";

/** Waits for the rejection that is to come; begun before it, so that it is never unhandled. */
async function rejects(promise: Promise<unknown>, reason: unknown): Promise<void> {
  await expect(promise).rejects.toEqual(reason);
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Operations that the test ends, and that record when they start. */
function steered(limit: ReturnType<typeof concurrencyLimit>) {
  const started: number[] = [];
  const gates = new Map<number, PromiseWithResolvers<number>>();
  const start = (id: number, signal?: AbortSignal): Promise<number> => {
    const gate = Promise.withResolvers<number>();
    gates.set(id, gate);
    return run(
      limit(() => {
        started.push(id);
        return gate.promise;
      }),
      signal,
    );
  };
  return {
    started,
    start,
    end: (id: number) => gates.get(id)?.resolve(id),
    fail: (id: number) => gates.get(id)?.reject(new Error(`${id}`)),
  };
}

test("as many run as may, the others follow in their order, however those before them end", async () => {
  const { started, start, end, fail } = steered(concurrencyLimit({ runningMax: 2 }));
  const calls = [1, 2, 3, 4, 5].map((id) => start(id).catch((error: Error) => error.message));
  await tick();
  expect(started).toEqual([1, 2]);
  fail(2);
  await tick();
  expect(started).toEqual([1, 2, 3]);
  for (const id of [1, 3, 4, 5]) {
    end(id);
    await tick();
  }
  expect(started).toEqual([1, 2, 3, 4, 5]);
  expect(await Promise.all(calls)).toEqual([1, "2", 3, 4, 5]);
});

test("a full queue refuses", async () => {
  const { start, end } = steered(concurrencyLimit({ runningMax: 1, queueMax: 1 }));
  const calls = [start(1), start(2)];
  await expect(start(3)).rejects.toMatchObject({ code: "ONCE_QUEUE_FULL" });
  end(1);
  await tick();
  calls.push(start(4));
  for (const id of [2, 4]) {
    await tick();
    end(id);
  }
  expect(await Promise.all(calls)).toEqual([1, 2, 4]);
});

test("one who waits can abort and leaves the queue; one who runs makes room at once", async () => {
  const { started, start, end } = steered(concurrencyLimit({ runningMax: 1, queueMax: 1 }));
  const [running, waiting] = [new AbortController(), new AbortController()];
  const first = rejects(start(1, running.signal), "no longer");
  const second = rejects(start(2, waiting.signal), "not yet");
  waiting.abort("not yet");
  await second;
  const third = start(3);
  running.abort("no longer");
  await first;
  await tick();
  expect(started).toEqual([1, 3]);
  end(3);
  expect(await third).toBe(3);
  for (const { signal } of [running, waiting]) expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("whatever ends and aborts, never more run than may, and no place is lost", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(fc.nat(5), { maxLength: 40 }), async (max, acts) => {
      const limit = concurrencyLimit({ runningMax: max, queueMax: 1000 });
      const open: Array<{ gate: PromiseWithResolvers<void>; controller: AbortController; call: Promise<unknown> }> = [];
      let running = 0;
      for (const act of acts) {
        const target = open[act % Math.max(1, open.length)];
        if (act < 3 || target === undefined) {
          const [gate, controller] = [Promise.withResolvers<void>(), new AbortController()];
          const operation = limit(async () => {
            running += 1;
            expect(running).toBeLessThanOrEqual(max);
            await Promise.race([
              gate.promise,
              new Promise((resolve) => controller.signal.addEventListener("abort", resolve)),
            ]);
            running -= 1;
          });
          open.push({ gate, controller, call: run(operation, controller.signal).catch(() => undefined) });
        } else if (act === 3) target.controller.abort();
        else target.gate.resolve();
        await tick();
      }
      for (const { gate } of open) gate.resolve();
      await Promise.all(open.map(({ call }) => call));
      const free = steered(limit);
      const calls = Array.from({ length: max }, (_, id) => free.start(id));
      await tick();
      expect(free.started).toHaveLength(max);
      calls.forEach((_, id) => free.end(id));
      await Promise.all(calls);
    }),
    { numRuns: 100 },
  );
});

test.each([{ runningMax: 0 }, { runningMax: 1.5 }, { runningMax: 1, queueMax: -1 }])("%o is refused", (options) => {
  expect(() => concurrencyLimit(options)).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
});
