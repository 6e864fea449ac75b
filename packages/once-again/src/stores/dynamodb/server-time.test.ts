import { expect, test } from "vitest";
import { seededRandom, uniform } from "../../core/random.ts";
import { isDated, serverTime } from "./server-time.ts";

const begin = Date.parse("2026-11-30T00:00:00Z");
const header = (ms: number): string => new Date(Math.floor(ms / 1000) * 1000).toUTCString();

/** A server with a right clock, and our clock, which began at any time. */
function scene() {
  let elapsed = 0;
  const monotonic = (): number => elapsed + 12_345.6;
  const time = serverTime({ monotonic });
  return {
    time,
    now: () => begin + elapsed,
    pass: (ms: number) => void (elapsed += ms),
    /** An answer that takes its time on both ways. @param shift how wrong the server is. */
    answer(to = 5, back = 5, shift = 0) {
      const sentAt = monotonic();
      elapsed += to;
      const date = header(begin + elapsed + shift);
      elapsed += back;
      return time.observe(date, sentAt);
    },
  };
}

test("the server's time is always within its bounds, which get narrower than a second", () => {
  const seed = crypto.randomUUID();
  const random = seededRandom(seed);
  const { time, answer, now, pass } = scene();
  expect(time.now()).toBeUndefined();
  const widths: number[] = [];
  for (let answers = 0; answers < 500; answers += 1) {
    pass(uniform(random, 0, 700));
    const answered = answer(uniform(random, 0, 40), uniform(random, 0, 40));
    for (const { earliest, latest } of [answered, time.now()!]) {
      expect([earliest <= now(), now() <= latest], `seed ${seed}, answer ${answers}`).toEqual([true, true]);
    }
    widths.push(time.now()!.latest - time.now()!.earliest);
  }
  expect(widths[0]).toBeGreaterThan(999);
  expect(widths.at(-1)).toBeLessThan(400);
});

test("bounds widen while nothing is heard, so that two clocks may go apart", () => {
  const { time, answer, pass } = scene();
  answer();
  const width = (): number => time.now()!.latest - time.now()!.earliest;
  const before = width();
  pass(10_000_000);
  expect(width() - before).toBeGreaterThanOrEqual(4000);
  expect(width() - before).toBeLessThan(4010);
});

test("an answer that is an hour late or early is not believed alone", () => {
  for (const shift of [3_600_000, -3_600_000]) {
    const { time, answer, now, pass } = scene();
    for (let answers = 0; answers < 5; answers += 1) {
      answer();
      pass(300);
    }
    const before = time.now()!;
    const answered = answer(5, 5, shift);
    const { earliest, latest } = answered;
    // It is judged by the earlier of both, and what is stamped ends by the later of both.
    expect([earliest <= now(), latest >= now(), answered.isPast(before)]).toEqual([true, true, shift > 0]);
    expect(latest >= now() + shift).toBe(true);
    answer();
    expect(time.now()!.latest).toBeLessThan(now() + 1100);
    expect(time.now()!.earliest).toBeGreaterThan(now() - 1100);
  }
});

test("two answers that agree are believed: this host has slept", () => {
  const { time, answer, now, pass } = scene();
  answer();
  const slept = 7_200_000;
  answer(5, 5, slept);
  pass(100);
  expect(answer(5, 5, slept).earliest).toBeGreaterThan(now() + slept - 1100);
  expect(time.now()!.earliest).toBeGreaterThan(now() + slept - 1100);
});

test("what ends now has ended by every later answer, also by one of the same second", () => {
  const { time, answer, pass } = scene();
  answer();
  for (let answers = 0; answers < 50; answers += 1) {
    pass(37);
    const { ended } = time.now()!;
    expect(answer(1, 1).earliest).toBeGreaterThanOrEqual(ended);
  }
});

test("a header may have its date twice, or none", () => {
  const twice = `${header(begin)}, ${header(begin + 2000)}`;
  const { time } = scene();
  expect(time.observe(twice, 0)).toMatchObject({ earliest: begin });
  expect(time.now()!.latest).toBeGreaterThanOrEqual(begin + 3000);
  expect([undefined, "", "now", "Mon, 99 Xyz 2026 00:00:00 GMT", twice].map(isDated)).toEqual([
    false,
    false,
    false,
    false,
    true,
  ]);
});
