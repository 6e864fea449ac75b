import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseRetryAfter } from "./parse-retry-after.ts";

const nowMs = Date.UTC(1994, 10, 6, 8, 49, 0);

test("seconds become milliseconds, and the largest number does not overflow", () => {
  expect(parseRetryAfter("0", nowMs)).toBe(0);
  expect(parseRetryAfter("120", nowMs)).toBe(120_000);
  expect(parseRetryAfter("9".repeat(500), nowMs)).toBe(Number.MAX_SAFE_INTEGER);
});

test.each(["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])(
  "the same moment in each form of RFC 9110: %s",
  (text) => {
    expect(parseRetryAfter(text, nowMs)).toBe(37_000);
    expect(parseRetryAfter(text, nowMs + 60_000)).toBe(0);
  },
);

test("two digits of a year mean the century that is at most 50 years ahead", () => {
  const now = Date.UTC(2026, 0, 1);
  expect(parseRetryAfter("Thursday, 01-Jan-76 00:00:00 GMT", now)).toBe(Date.UTC(2076, 0, 1) - now);
  expect(parseRetryAfter("Thursday, 01-Jan-77 00:00:00 GMT", now)).toBe(0);
  expect(parseRetryAfter("Friday, 02-Jan-26 00:00:00 GMT", now)).toBe(86_400_000);
});

test.each([
  null,
  undefined,
  "",
  " ",
  "-1",
  "+1",
  "1.5",
  "1e3",
  "0x10",
  "120, 120",
  "120s",
  "soon",
  "1994-11-06T08:49:37Z",
  "Sun, 06 Nov 1994 08:49:37",
  "Sun, 06 Nov 1994 08:49:37 UTC",
  "Sun, 6 Nov 1994 08:49:37 GMT",
  "Sun, 31 Feb 1994 08:49:37 GMT",
  "Sun, 00 Nov 1994 08:49:37 GMT",
  "Sun, 06 Nov 1994 24:00:00 GMT",
  "Sun, 06 Nov 1994 08:60:00 GMT",
  "sun, 06 nov 1994 08:49:37 gmt",
])("%j is ignored", (value) => {
  expect(parseRetryAfter(value, nowMs)).toBeUndefined();
});

test("every date that JavaScript writes is read back to the second", () => {
  const moment = fc.date({ min: new Date(0), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true });
  fc.assert(
    fc.property(moment, (date) => {
      const wholeSeconds = Math.floor(date.getTime() / 1000) * 1000;
      expect(parseRetryAfter(date.toUTCString(), 0)).toBe(wholeSeconds);
    }),
  );
});

test("any text gives a delay or nothing", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const delayMs = parseRetryAfter(text, nowMs);
      expect(delayMs === undefined || (Number.isFinite(delayMs) && delayMs >= 0)).toBe(true);
    }),
  );
});

test("a minute has 60 seconds, and once in a while a leap second", () => {
  expect(parseRetryAfter("Thu, 01 Jan 1970 00:00:60 GMT", 0)).toBe(60_000);
  expect(parseRetryAfter("Thu, 01 Jan 1970 00:00:61 GMT", 0)).toBeUndefined();
});
