import { afterEach, expect, test, vi } from "vitest";
import { seededRandom } from "../core/random.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { type Backoff, decorrelatedBackoff, exponentialBackoff, fibonacciBackoff, linearBackoff } from "./backoff.ts";
import { boundedJitter, equalJitter, fullJitter } from "./jitter.ts";
import { retry } from "./retry.ts";

const dayMs = 86_400_000;
const failOnce = ({ number }: { number: number }): number => {
  if (number === 1) throw new Error("once");
  return number;
};

afterEach(() => {
  vi.useRealTimers();
});

const jittered: Array<[name: string, backoff: Backoff]> = [
  ["full jitter", exponentialBackoff({ jitter: fullJitter() })],
  ["equal jitter", exponentialBackoff({ jitter: equalJitter() })],
  ["bounded jitter", exponentialBackoff({ jitter: boundedJitter() })],
  ["linear growth", linearBackoff()],
  ["Fibonacci growth", fibonacciBackoff()],
  ["decorrelated", decorrelatedBackoff()],
];

test.each(jittered)("%s puts no crowd exactly at the cap, nor at any other delay", (_name, backoff) => {
  const seed = 31;
  const random = seededRandom(seed);
  const draws = 10_000;
  const counts = new Map<number, number>();
  for (let caller = 0; caller < draws; caller += 1) {
    let previousDelayMs = 0;
    for (const retry of [1, 2, 5, 10, 20, 50, 100]) previousDelayMs = backoff({ retry, previousDelayMs, random });
    counts.set(previousDelayMs, (counts.get(previousDelayMs) ?? 0) + 1);
  }
  expect(Math.max(...counts.values()), `seed ${seed}`).toBeLessThan(draws / 100);
  expect(counts.get(30_000) ?? 0, `seed ${seed}`).toBe(0);
});

test("the 1,100th attempt comes after a finite delay", async () => {
  const clock = fakeClock();
  const operation = ({ number }: { number: number }): number => {
    if (number < 1100) throw new Error("not yet");
    return clock.monotonic();
  };
  const call = retry(operation, { clock, attemptsMax: 1100, random: () => 0.5 });
  await clock.advance(1100 * 30_000);
  // Three quarters of 1, 2, 4, 8, 16 s, and of the cap each time after that.
  expect(await call).toBe(23_250 + 1094 * 22_500);
});

test("a wait of 25 days, longer than a timer can be, is waited to its end on the machine's clock", async () => {
  vi.useFakeTimers();
  let value: number | undefined;
  void retry(failOnce, { backoff: () => 25 * dayMs }).then((result) => (value = result));
  await vi.advanceTimersByTimeAsync(25 * dayMs - 1);
  expect(value).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1);
  expect(value).toBe(2);
  expect(vi.getTimerCount()).toBe(0);
});

test("jumps of the wall clock change no wait, no deadline and no time-out", async () => {
  const story = async (jumpMs: number): Promise<unknown> => {
    const inner = fakeClock();
    let offsetMs = 0;
    const clock = { ...inner, now: () => inner.now() + offsetMs };
    const starts: number[] = [];
    const operation = ({ number, signal }: { number: number; signal: AbortSignal }): Promise<never> => {
      starts.push(inner.monotonic());
      offsetMs += jumpMs * number;
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    const options = { clock, attemptTimeoutMs: 100, timeoutMs: 5000, random: () => 0.5 };
    const ended = retry(operation, options).catch((error: { code: string; details: object }) => [
      error.code,
      error.details,
    ]);
    await inner.advance(60_000);
    return [starts, await ended];
  };
  const still = await story(0);
  expect(await story(dayMs)).toEqual(still);
  expect(await story(-dayMs)).toEqual(still);
});
