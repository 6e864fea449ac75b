import * as fc from "fast-check";
import { expect, test } from "vitest";
import { cpuGrowth, linearGrowthMax } from "../../../../test/support/cpu-growth.ts";
import { waitHint } from "./wait-hint.ts";

const nowMs = Date.UTC(2026, 0, 1);
const nowSeconds = nowMs / 1000;
const hint = (headers: Record<string, string>, status?: number) => waitHint(new Headers(headers), nowMs, status);

test("nothing said, nothing waited", () => {
  expect(hint({})).toBeUndefined();
  expect(hint({}, 429)).toBeUndefined();
});

test("Retry-After comes first, in any form and for any status", () => {
  expect(hint({ "Retry-After": "7", RateLimit: '"default";r=0;t=30' })).toBe(7000);
  expect(hint({ "Retry-After": "Thu, 01 Jan 2026 00:00:09 GMT" })).toBe(9000);
  expect(hint({ "Retry-After": "soon", RateLimit: '"default";r=0;t=30' })).toBe(30_000);
});

test("Retry-After-Ms is more exact than Retry-After, where it is a number", () => {
  expect(hint({ "Retry-After-Ms": "250", "Retry-After": "7" })).toBe(250);
  expect(hint({ "retry-after-ms": "1.5" })).toBe(1.5);
  for (const malformed of ["", "-1", "soon", "1e3", "NaN", "0x10"]) {
    expect(hint({ "Retry-After-Ms": malformed, "Retry-After": "7" })).toBe(7000);
  }
  expect(hint({ "Retry-After-Ms": "9".repeat(400) })).toBe(Number.MAX_SAFE_INTEGER);
});

test.each<[value: string, waitMs: number | undefined]>([
  ['"default";r=0;t=30', 30_000],
  ["default;r=0;t=30", 30_000],
  ['"default";r=0;t=0', 0],
  ['"default";r=1;t=30', undefined],
  ['"default";r=0', undefined],
  ['"default";t=30', undefined],
  ['"default";r=0;t=-1', undefined],
  ['"default";r=0;t=1.5', undefined],
  ['"default";r=0;t="30"', undefined],
  // Of several quotas only those that are used up ask for a wait, and the longest decides.
  ['"minute";r=0;t=23, "hour";r=0;t=2402, "day";r=5;t=80000', 2_402_000],
  ['"a, b;r=9";r=0;t=5', 5000],
  // The dictionary of older drafts.
  ["limit=100, remaining=0, reset=50", 50_000],
  ["limit=100, remaining=3, reset=50", undefined],
  ["r=0, t=50", 50_000],
  ["limit=100", undefined],
  ["not a field @", undefined],
  ["", undefined],
])("RateLimit: %s", (value, waitMs) => {
  expect(hint({ RateLimit: value })).toBe(waitMs);
  expect(hint({ RateLimit: value }, 429)).toBe(waitMs);
});

test.each(["RateLimit", "X-RateLimit", "X-Rate-Limit"])(
  "%s-Reset counts when nothing remains, or status 429 says so",
  (name) => {
    const reset = (value: string, remaining?: string) => {
      return {
        [`${name}-Reset`]: value,
        ...(remaining === undefined ? undefined : { [`${name}-Remaining`]: remaining }),
      };
    };
    expect(hint(reset("30", "0"))).toBe(30_000);
    expect(hint(reset("30"), 429)).toBe(30_000);
    expect(hint(reset("30"), 503)).toBeUndefined();
    expect(hint(reset("30", "1"), 429)).toBeUndefined();
    expect(hint(reset("30", "none"), 429)).toBeUndefined();
    expect(hint(reset("0.25"), 429)).toBe(250);
    expect(hint(reset(String(nowSeconds + 60)), 429)).toBe(60_000);
    expect(hint(reset(String(nowSeconds - 60)), 429)).toBe(0);
    expect(hint(reset(String(nowMs + 1500)), 429)).toBe(1500);
    for (const malformed of ["", "-1", "soon", "1e3", "0x10", "30, 30", "30s"]) {
      expect(hint(reset(malformed), 429), malformed).toBeUndefined();
    }
  },
);

test("the largest numbers do not overflow", () => {
  expect(hint({ "Retry-After": "2147484" })).toBe(2_147_484_000);
  expect(hint({ RateLimit: '"default";r=0;t=999999999999999' })).toBe(Number.MAX_SAFE_INTEGER);
  expect(hint({ "X-RateLimit-Reset": "9".repeat(300) }, 429)).toBe(Number.MAX_SAFE_INTEGER);
});

test("any text gives a wait or nothing", () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[\w"=;, .-]{0,40}$/));
  fc.assert(
    fc.property(text, text, text, fc.constantFrom(429, 503, undefined), (one, other, third, status) => {
      const texts: Record<string, string> = { ratelimit: one, "ratelimit-reset": other, "ratelimit-remaining": third };
      const headers = { get: (name: string) => texts[name.toLowerCase()] ?? null };
      const waitMs = waitHint(headers, nowMs, status);
      expect(waitMs === undefined || (waitMs >= 0 && waitMs <= Number.MAX_SAFE_INTEGER)).toBe(true);
    }),
  );
});

test("a number that only begins or ends with 0 is not used up", () => {
  for (const remaining of ["10", "100", "01", "0010"]) {
    const headers = new Headers({ "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": "7" });
    expect(waitHint(headers, 0, 429)).toBeUndefined();
  }
  expect(waitHint(new Headers({ "X-RateLimit-Remaining": "00", "X-RateLimit-Reset": "7" }), 0)).toBe(7000);
});

test("a field that is malformed anywhere is not believed anywhere", () => {
  for (const RateLimit of ['r=0;t=7, "open', "r=0;t=7, {}", 'r=0;t=7;x="a"b']) {
    expect(waitHint(new Headers({ RateLimit }), 0), RateLimit).toBeUndefined();
  }
  expect(waitHint(new Headers({ RateLimit: '"a \\"name\\", with commas";r=0;t=7' }), 0)).toBe(7000);
});

test("a string without its end is read in linear time", () => {
  const work = (size: number): void => void waitHint(new Headers({ RateLimit: '\\"'.repeat(size / 2) }), 0);
  expect(cpuGrowth(8192, work)).toBeLessThan(linearGrowthMax);
});

test("from 1e9 on a reset is a date in seconds, and from 1e12 on in milliseconds", () => {
  const reset = (value: string, nowMs: number) => waitHint(new Headers({ "X-RateLimit-Reset": value }), nowMs, 429);
  expect(reset("999999999", 0)).toBe(999_999_999_000);
  expect(reset("1000000000", 999_999_999_000)).toBe(1000);
  expect(reset("999999999999", 999_999_999_998_000)).toBe(1000);
  expect(reset("1000000000000", 999_999_999_000)).toBe(1000);
});
