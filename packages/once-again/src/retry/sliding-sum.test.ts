import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { slidingSum } from "./sliding-sum.ts";

test("an amount counts for the window's length, or up to a slice less", async () => {
  const clock = fakeClock();
  const sums = slidingSum(1000, clock);
  sums.add(2);
  await clock.advance(950);
  sums.add(3);
  expect(sums.sum()).toBe(5);
  await clock.advance(50);
  expect(sums.sum()).toBe(3);
  await clock.advance(100_000);
  expect(sums.sum()).toBe(0);
});

test("what is taken is taken from the oldest", async () => {
  const clock = fakeClock();
  const sums = slidingSum(1000, clock);
  sums.add(2);
  await clock.advance(500);
  sums.add(2);
  expect([sums.take(5), sums.sum()]).toEqual([false, 4]);
  expect([sums.take(3), sums.sum()]).toEqual([true, 1]);
  await clock.advance(500);
  expect(sums.sum()).toBe(1);
});

test("the sum never leaves the bounds of the exact window", async () => {
  const step = fc.record({ waitMs: fc.nat(400), amount: fc.nat(9) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const clock = fakeClock();
      const sums = slidingSum(1000, clock);
      const added: Array<readonly [atMs: number, amount: number]> = [];
      for (const { waitMs, amount } of steps) {
        await clock.advance(waitMs);
        sums.add(amount);
        added.push([clock.monotonic(), amount]);
        const younger = (ageMs: number): number =>
          added.reduce((sum, [atMs, amount]) => (clock.monotonic() - atMs < ageMs ? sum + amount : sum), 0);
        expect(sums.sum()).toBeGreaterThanOrEqual(younger(900));
        expect(sums.sum()).toBeLessThanOrEqual(younger(1000));
      }
    }),
    { numRuns: 50 },
  );
});
