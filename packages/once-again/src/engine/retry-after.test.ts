import { describe, expect, test } from "vitest";
import { seededRandom } from "../core/random.ts";
import { drawRetryAfterMs, drawRetryAfterSeconds, retryAfterRange } from "./retry-after.ts";

const seconds = (range: ReturnType<typeof retryAfterRange>): Map<number, number> => {
  const counts = new Map<number, number>();
  for (let draw = 0; draw < 3000; draw += 1) {
    const second = drawRetryAfterSeconds(range, () => draw / 3000);
    counts.set(second, (counts.get(second) ?? 0) + 1);
  }
  return counts;
};

describe("callers are asked to come back", () => {
  test("after 1, 2 or 3 s, each as likely as the others", () => {
    expect(Object.fromEntries(seconds(retryAfterRange(1000)))).toEqual({ 1: 1000, 2: 1000, 3: 1000 });
  });

  test.for([
    ["no time", 0, 0, 0],
    ["up to three times a short time", 70, 70, 210],
    ["up to 2 s more than a long time", 60_000, 60_000, 62_000],
  ] as const)("after %s", ([, leastMs, fromMs, toMs]) => {
    expect(retryAfterRange(leastMs)).toEqual({ fromMs, toMs });
  });

  test("while the store is away, after a third of its absence up to all of it, and after 10 to 30 s at most", () => {
    const at = (awayMs: number) => retryAfterRange(1000, awayMs);
    expect(at(2999)).toEqual({ fromMs: 1000, toMs: 3000 });
    expect(at(12_000)).toEqual({ fromMs: 4000, toMs: 12_000 });
    expect(at(30_000)).toEqual({ fromMs: 10_000, toMs: 30_000 });
    expect(at(86_400_000)).toEqual(at(30_000));
    expect([...seconds(at(30_000)).keys()].toSorted((one, other) => one - other)).toEqual(
      Array.from({ length: 21 }, (_, more) => 10 + more),
    );
    expect(retryAfterRange(20_000, 86_400_000)).toEqual({ fromMs: 20_000, toMs: 30_000 });
    expect(retryAfterRange(60_000, 86_400_000)).toEqual({ fromMs: 60_000, toMs: 62_000 });
  });

  test("in whole seconds within the range, and in milliseconds anywhere in it", () => {
    const random = seededRandom(7);
    for (const [leastMs, awayMs] of [
      [1000, 0],
      [1, 0],
      [1500, 0],
      [1000, 4321],
      [1000, 17_654],
    ] as const) {
      const range = retryAfterRange(leastMs, awayMs);
      for (let draw = 0; draw < 1000; draw += 1) {
        const second = drawRetryAfterSeconds(range, random);
        expect(Number.isInteger(second) && second >= 1 && 1000 * second >= range.fromMs).toBe(true);
        expect(second).toBeLessThanOrEqual(Math.max(Math.ceil(range.fromMs / 1000), range.toMs / 1000));
        const ms = drawRetryAfterMs(range, random);
        expect(Number.isInteger(ms) && ms >= range.fromMs - 0.5 && ms <= range.toMs + 0.5).toBe(true);
      }
    }
    expect(drawRetryAfterSeconds(retryAfterRange(1000), () => 1)).toBe(3);
  });
});
