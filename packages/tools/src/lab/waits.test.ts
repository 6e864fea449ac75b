import * as fc from "fast-check";
import { expect, test } from "vitest";
import { summarizeWaits } from "./waits.ts";

test("every wait is in exactly one bucket, by its range", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })), (waitsMs) => {
      const { count, histogram } = summarizeWaits(waitsMs);
      expect(count).toBe(waitsMs.length);
      expect(histogram.reduce((sum, bucket) => sum + bucket.count, 0)).toBe(waitsMs.length);
      for (const [index, { toMs }] of histogram.entries()) expect(histogram[index + 1]?.fromMs ?? null).toBe(toMs);
    }),
  );
});

test("mean and maximum have one decimal, and are 0 without waits", () => {
  expect(summarizeWaits([10, 10.28, 20])).toMatchObject({ meanMs: 13.4, maxMs: 20 });
  expect(summarizeWaits([])).toMatchObject({ count: 0, meanMs: 0, maxMs: 0 });
});
