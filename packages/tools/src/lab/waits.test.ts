import * as fc from "fast-check";
import { expect, test } from "vitest";
import { summarizeWaits } from "./waits.ts";

test("every wait is in the one bucket whose range has it", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })), (waitsMs) => {
      const { count, histogram } = summarizeWaits(waitsMs);
      expect(count).toBe(waitsMs.length);
      expect(histogram.reduce((sum, bucket) => sum + bucket.count, 0)).toBe(waitsMs.length);
      for (const [index, { toMs }] of histogram.entries()) expect(histogram[index + 1]?.fromMs ?? null).toBe(toMs);
    }),
  );
});

test("mean and maximum are told to tenths, and none is 0", () => {
  expect(summarizeWaits([10, 10.28, 20])).toMatchObject({ meanMs: 13.4, maxMs: 20 });
  expect(summarizeWaits([])).toMatchObject({ count: 0, meanMs: 0, maxMs: 0 });
});
