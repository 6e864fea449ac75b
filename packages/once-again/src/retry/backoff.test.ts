import * as fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom } from "../core/random.ts";
import {
  type Backoff,
  constantBackoff,
  decorrelatedBackoff,
  exponentialBackoff,
  fibonacciBackoff,
  linearBackoff,
} from "./backoff.ts";
import { boundedJitter, noJitter } from "./jitter.ts";

const jitter = noJitter();

/** The delays before the first `count` retries. */
function delays(backoff: Backoff, count: number, random = seededRandom(1)): number[] {
  const found: number[] = [];
  for (let retry = 1; retry <= count; retry += 1) {
    found.push(backoff({ retry, previousDelayMs: found.at(-1) ?? 0, random }));
  }
  return found;
}

test("binary exponential backoff before the 4th retry is 8 units", () => {
  expect(exponentialBackoff({ baseMs: 1, factor: 2, jitter })({ retry: 4, previousDelayMs: 4, random: () => 0 })).toBe(
    8,
  );
});

test("the laws of growth", () => {
  expect(delays(exponentialBackoff({ jitter }), 7)).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  expect(delays(exponentialBackoff({ baseMs: 10, factor: 3, capMs: 100, jitter }), 4)).toEqual([10, 30, 90, 100]);
  expect(delays(linearBackoff({ baseMs: 5, capMs: 18, jitter }), 5)).toEqual([5, 10, 15, 18, 18]);
  expect(delays(fibonacciBackoff({ baseMs: 1, capMs: 20, jitter }), 8)).toEqual([1, 1, 2, 3, 5, 8, 13, 20]);
  expect(delays(constantBackoff({ delayMs: 7, jitter }), 3)).toEqual([7, 7, 7]);
});

test("jitter comes after the cap, so that no delays gather at it", () => {
  const late = { retry: 50, previousDelayMs: 0 };
  const drawn = Array.from({ length: 200 }, (_, seed) => exponentialBackoff()({ ...late, random: seededRandom(seed) }));
  expect(new Set(drawn).size).toBe(200);
  expect(Math.max(...drawn)).toBeLessThan(30_000);
});

test("every backoff is finite and within its bounds at any retry, the 1,100th too", () => {
  const all: Backoff[] = [
    exponentialBackoff(),
    exponentialBackoff({ factor: 100, capMs: 2_147_483_647 }),
    linearBackoff(),
    fibonacciBackoff(),
    decorrelatedBackoff(),
    constantBackoff({ delayMs: 30_000 }),
  ];
  for (const backoff of all) {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1100 }), fc.nat(30_000), fc.integer(), (retry, previousDelayMs, seed) => {
        const delayMs = backoff({ retry, previousDelayMs, random: seededRandom(seed) });
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThanOrEqual(2_147_483_647);
      }),
      { examples: [[1100, 30_000, 1]] },
    );
  }
});

test("decorrelated delays lie between the base and three times the one before, or the cap", () => {
  const [baseMs, capMs] = [100, 5000];
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      let previousMs = baseMs;
      for (const delayMs of delays(decorrelatedBackoff({ baseMs, capMs }), 30, seededRandom(seed))) {
        expect(delayMs).toBeGreaterThanOrEqual(baseMs);
        expect(delayMs).toBeLessThan(Math.min(capMs, 3 * previousMs));
        previousMs = delayMs;
      }
    }),
  );
});

test("options out of bounds are refused", () => {
  const refused = expect.objectContaining({ code: "ONCE_OPTION_INVALID" });
  expect(() => exponentialBackoff({ baseMs: 0 })).toThrow(refused);
  expect(() => exponentialBackoff({ factor: 0.5 })).toThrow(refused);
  expect(() => linearBackoff({ baseMs: 10, capMs: 9 })).toThrow(refused);
  expect(() => fibonacciBackoff({ capMs: Number.POSITIVE_INFINITY })).toThrow(refused);
  expect(() => constantBackoff({ delayMs: -1 })).toThrow(refused);
});

test.each([30_000, 2_147_483_647])("no jitter passes a cap of %i, and no delays gather at it or at 0", (capMs) => {
  const jitters = [boundedJitter(), boundedJitter({ ratio: 1 }), (delayMs: number) => 3 * delayMs];
  for (const jitter of jitters) {
    const random = seededRandom(7);
    const backoffs = [
      exponentialBackoff({ baseMs: capMs, capMs, jitter }),
      linearBackoff({ baseMs: capMs, capMs, jitter }),
      fibonacciBackoff({ baseMs: capMs, capMs, jitter }),
    ];
    if (capMs > 30_000) backoffs.push(constantBackoff({ delayMs: capMs, jitter }));
    for (const backoff of backoffs) {
      const drawn = Array.from({ length: 2000 }, () => backoff({ retry: 200, previousDelayMs: 0, random }));
      expect(Math.max(...drawn)).toBeLessThanOrEqual(capMs);
      expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
      expect(drawn.filter((delayMs) => delayMs > 0.999 * capMs).length).toBeLessThan(40);
      expect(new Set(drawn).size).toBeGreaterThan(1900);
    }
  }
});
