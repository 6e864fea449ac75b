import * as fc from "fast-check";
import { expect, test } from "vitest";
import { OnceAgainError, sleep } from "once-again";
import { fakeClock } from "./fake-clock.ts";

test("time stands still until it is advanced", async () => {
  const clock = fakeClock(1_000);
  let fired = false;
  clock.timer(10, () => (fired = true));
  await clock.advance(9.5);
  expect({ fired, now: clock.now(), monotonic: clock.monotonic(), pending: clock.pending }).toEqual({
    fired: false,
    now: 1_009.5,
    monotonic: 9.5,
    pending: 1,
  });
  await clock.advance(0.5);
  expect({ fired, pending: clock.pending }).toEqual({ fired: true, pending: 0 });
});

test("timers fire at their exact times, in order, whatever order they were set in", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 20 }), async (delays) => {
      const clock = fakeClock();
      const fired: { index: number; delayMs: number; atMs: number }[] = [];
      for (const [index, delayMs] of delays.entries()) {
        clock.timer(delayMs, () => fired.push({ index, delayMs, atMs: clock.monotonic() }));
      }
      await clock.advance(50);
      const expected = delays.map((delayMs, index) => ({ index, delayMs, atMs: delayMs }));
      expect(fired).toEqual(expected.sort((a, b) => a.delayMs - b.delayMs));
      expect(clock.monotonic()).toBe(50);
    }),
    { numRuns: 50 },
  );
});

test("a chain of waits ends at the sum of its parts, in one advance", async () => {
  const clock = fakeClock();
  const times: number[] = [];
  const chain = async (): Promise<void> => {
    for (const delayMs of [1_000, 2_000, 4_000]) {
      await sleep(clock, delayMs);
      await Promise.resolve().then(() => undefined);
      times.push(clock.monotonic());
    }
  };
  const done = chain();
  await clock.advance(3_600_000);
  await done;
  expect(times).toEqual([1_000, 3_000, 7_000]);
});

test("promises settle between two timers of equal time, and before the first", async () => {
  const clock = fakeClock();
  const seen: string[] = [];
  void Promise.resolve().then(() => clock.timer(5, () => seen.push("set by a promise")));
  clock.timer(5, () => {
    seen.push("first");
    void Promise.resolve().then(() => seen.push("its promise"));
  });
  clock.timer(5, () => seen.push("second"));
  await clock.advance(5);
  expect(seen).toEqual(["first", "its promise", "second", "set by a promise"]);
});

test("a cancelled timer does not fire, and an aborted sleep leaves nothing behind", async () => {
  const clock = fakeClock();
  const cancel = clock.timer(1, () => expect.unreachable());
  cancel();
  cancel();
  const controller = new AbortController();
  const waiting = sleep(clock, 10, controller.signal);
  expect(clock.pending).toBe(1);
  controller.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  expect(clock.pending).toBe(0);
  await clock.advance(100);
});

test("overlapping advances add up", async () => {
  const clock = fakeClock();
  const at: number[] = [];
  clock.timer(15, () => at.push(clock.monotonic()));
  await Promise.all([clock.advance(10), clock.advance(10)]);
  expect({ at, now: clock.monotonic() }).toEqual({ at: [15], now: 20 });
});

test("a timer that throws stops its advance at its time, and the clock still works", async () => {
  const clock = fakeClock();
  clock.timer(3, () => {
    throw new Error("broken");
  });
  await expect(clock.advance(10)).rejects.toThrow("broken");
  expect(clock.monotonic()).toBe(3);
  await clock.advance(1);
  expect(clock.monotonic()).toBe(4);
});

test("time does not run backwards", async () => {
  const refused: unknown = await fakeClock()
    .advance(-1)
    .catch((error: unknown) => error);
  expect(OnceAgainError.isInstance(refused, "ONCE_OPTION_INVALID")).toBe(true);
});
