import { expect, test } from "vitest";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { sharedTimers } from "./deadline-timer.ts";

/** A clock with shared timers on one that is moved by hand, and what its timers have said, with the time. */
function bench() {
  const clock = fakeClock(1000);
  const shared = sharedTimers(clock);
  const fired: string[] = [];
  const set = (delayMs: number, name: string): (() => void) =>
    shared.timer(delayMs, () => fired.push(`${name} at ${clock.monotonic()}`));
  return { clock, shared, fired, set };
}

test("its time is that of the clock below it", async () => {
  const { clock, shared } = bench();
  await clock.advance(5);
  expect([shared.now(), shared.monotonic()]).toEqual([1005, 5]);
});

test("each fires at its time, whatever the order in which they were set, those of one time in it", async () => {
  const { clock, fired, set } = bench();
  for (const [delayMs, name] of [
    [30, "c"],
    [10, "a"],
    [20, "b"],
    [10, "a too"],
    [0, "now"],
  ] as const) {
    set(delayMs, name);
  }
  expect(clock.pending).toBe(1);
  await clock.advance(30);
  expect(fired).toEqual(["now at 0", "a at 10", "a too at 10", "b at 20", "c at 30"]);
  expect(clock.pending).toBe(0);
});

test("a cancelled one does not fire, and cancelling it late or twice is nothing", async () => {
  const { clock, fired, set } = bench();
  const [first, second, third] = [set(10, "first"), set(20, "second"), set(30, "third")];
  second();
  second();
  await clock.advance(10);
  first();
  third();
  expect(clock.pending).toBe(0);
  set(10, "later");
  await clock.advance(100);
  expect(fired).toEqual(["first at 10", "later at 20"]);
});

test("one that is set by another fires, and what one throws does not keep the others from it", async () => {
  const { clock, shared, fired, set } = bench();
  shared.timer(10, () => {
    set(0, "set meanwhile");
    throw new Error("fault");
  });
  set(10, "second");
  set(20, "third");
  await expect(clock.advance(10)).rejects.toThrow("fault");
  await clock.advance(20);
  expect(fired).toEqual(["second at 10", "set meanwhile at 10", "third at 20"]);
});

test("one that waits without end keeps no other from its time", async () => {
  const { clock, fired, set } = bench();
  const cancel = set(Number.POSITIVE_INFINITY, "never");
  set(10, "first");
  await clock.advance(10);
  expect(fired).toEqual(["first at 10"]);
  cancel();
  expect(clock.pending).toBe(0);
});
