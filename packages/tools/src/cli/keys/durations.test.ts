import { expect, test } from "vitest";
import { formatDuration } from "./durations.ts";

test.for<[ms: number, text: string]>([
  [-1, "0s"],
  [999, "0s"],
  [1000, "1s"],
  [61_000, "1m 1s"],
  [3_600_000, "1h"],
  [3_601_000, "1h"],
  [3_659_999_999, "42d 8h"],
])("%i ms are %s", ([ms, text]) => {
  expect(formatDuration(ms)).toBe(text);
});
