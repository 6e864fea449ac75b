import { expect, test } from "vitest";
import { isIdempotentMethod, isSafeMethod } from "./method.ts";
import { statusVerdict } from "./status-verdict.ts";

test("a status below 400 is no failure", () => {
  for (const status of [0, 101, 200, 204, 303, 304, 399]) expect(statusVerdict(status)).toBeUndefined();
});

test.each([
  ["never", [421, 425]],
  ["unknown", [502, 504, 520, 522, 524]],
  ["failed", [400, 401, 404, 408, 409, 412, 422, 429, 500, 501, 503, 599]],
])("%s: %j", (delivery, statuses) => {
  for (const status of statuses) expect(statusVerdict(status)).toMatchObject({ delivery, reason: `status ${status}` });
});

test("which statuses may pass", () => {
  const transient = [408, 425, 429, 500, 502, 503, 504, 520, 522, 524];
  const all = Array.from({ length: 200 }, (_, index) => 400 + index);
  expect(all.filter((status) => statusVerdict(status)?.transient)).toEqual(transient);
});

test("a conflict is worth waiting for only when the server says how long", () => {
  expect(statusVerdict(409)?.transient).toBe(false);
  expect(statusVerdict(409, true)?.transient).toBe(true);
  expect(statusVerdict(404, true)?.transient).toBe(false);
});

test("RFC 9110's safe and idempotent methods, case-sensitive", () => {
  for (const method of ["GET", "HEAD", "OPTIONS", "TRACE"]) {
    expect([isSafeMethod(method), isIdempotentMethod(method)]).toEqual([true, true]);
  }
  for (const method of ["PUT", "DELETE"]) {
    expect([isSafeMethod(method), isIdempotentMethod(method)]).toEqual([false, true]);
  }
  for (const method of ["POST", "PATCH", "get", "LOCK", ""]) {
    expect([isSafeMethod(method), isIdempotentMethod(method)]).toEqual([false, false]);
  }
});
