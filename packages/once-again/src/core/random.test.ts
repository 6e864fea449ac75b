import * as fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom, systemRandom, uniform } from "./random.ts";

const take = (count: number, random: () => number): number[] => Array.from({ length: count }, random);

test("the same seed gives the same numbers, on every machine", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.integer(), fc.double()), (seed) => {
      expect(take(20, seededRandom(seed))).toEqual(take(20, seededRandom(seed)));
    }),
  );
  expect(take(3, seededRandom("once-again"))).toMatchInlineSnapshot(`
    [
      0.4321372495032847,
      0.4462302236352116,
      0.16641800664365292,
    ]
  `);
});

test("different seeds give different numbers", () => {
  const firsts = Array.from({ length: 10_000 }, (_, seed) => seededRandom(seed)());
  // Of 10,000 draws from 2^32, hardly any two are equal.
  expect(new Set(firsts).size).toBeGreaterThan(9_990);
});

test("every number is in [0, 1), and they are spread evenly", () => {
  for (const seed of [0, 1, "storm", -7.5]) {
    const numbers = take(100_000, seededRandom(seed));
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    const buckets = Array.from({ length: 10 }, () => 0);
    for (const number of numbers) buckets[Math.floor(number * 10)]! += 1;
    // 10,000 each, with a standard deviation of 95.
    for (const bucket of buckets) expect(Math.abs(bucket - 10_000)).toBeLessThan(500);
  }
});

test("neighbouring seeds are not correlated", () => {
  const means = Array.from({ length: 200 }, (_, seed) => seededRandom(seed)());
  expect(Math.abs(means.reduce((sum, number) => sum + number, 0) / 200 - 0.5)).toBeLessThan(0.1);
});

test("uniform draws from its range, low end included", () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(), fc.double({ min: 0, max: 0.999, noNaN: true }), (low, width, chance) => {
      const drawn = uniform(() => chance, low, low + width);
      expect(drawn).toBeGreaterThanOrEqual(low);
      expect(drawn).toBeLessThanOrEqual(low + width);
    }),
  );
  expect(uniform(() => 0, 3, 9)).toBe(3);
  expect(uniform(() => 0.5, 3, 9)).toBe(6);
});

test("the machine's chance is in [0, 1)", () => {
  expect(take(100, systemRandom).every((number) => number >= 0 && number < 1)).toBe(true);
});
