import * as fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom } from "../core/random.ts";
import { boundedJitter, equalJitter, fullJitter, type Jitter, noJitter } from "./jitter.ts";

const laws: Array<[name: string, jitter: Jitter, low: number, high: number]> = [
  ["full", fullJitter(), 0, 1],
  ["equal", equalJitter(), 0.5, 1],
  ["bounded", boundedJitter(), 0.75, 1.25],
  ["bounded by 10%", boundedJitter({ ratio: 0.1 }), 0.9, 1.1],
  ["no", noJitter(), 1, 1],
];

test.each(laws)("%s jitter stays within its share of the delay", (_name, jitter, low, high) => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 2 ** 31, noNaN: true }), fc.integer(), (delayMs, seed) => {
      const jittered = jitter(delayMs, seededRandom(seed));
      expect(jittered).toBeGreaterThanOrEqual(delayMs * low * (1 - 1e-12));
      expect(jittered).toBeLessThanOrEqual(delayMs * high * (1 + 1e-12));
    }),
  );
});

test("2 s with bounded jitter of a quarter reaches from 1.5 s to 2.5 s", () => {
  const jitter = boundedJitter({ ratio: 0.25 });
  expect(jitter(2000, () => 0)).toBe(1500);
  expect(jitter(2000, () => 0.5)).toBe(2000);
  expect(jitter(2000, () => 1 - Number.EPSILON)).toBeCloseTo(2500, 6);
});

test("full jitter spreads evenly: each tenth of the range gets its tenth", () => {
  const seed = 20_260_101;
  const random = seededRandom(seed);
  const tenths = Array.from({ length: 10 }, () => 0);
  const draws = 10_000;
  for (let draw = 0; draw < draws; draw += 1) {
    const tenth = Math.floor(fullJitter()(10, random));
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  // Five standard deviations of a binomial count.
  for (const count of tenths) expect(Math.abs(count - draws / 10), `seed ${seed}`).toBeLessThan(150);
});

test.each([-0.1, 1.1, Number.NaN])("a ratio of %s is refused", (ratio) => {
  expect(() => boundedJitter({ ratio })).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
});
