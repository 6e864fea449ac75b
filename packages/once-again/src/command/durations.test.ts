import { expect, test } from "vitest";
import { formatDuration, readDuration } from "./durations.ts";

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

test.for<[text: string, ms: number | undefined]>([
  ["250ms", 250],
  ["1.5s", 1500],
  ["0s", 0],
  ["2d 3h", 183_600_000],
  ["1m30s", 90_000],
  ["30", undefined],
  ["-1s", undefined],
  ["1 s", undefined],
  ["1w", undefined],
  ["s", undefined],
  ["", undefined],
])("%s is read as %s milliseconds", ([text, ms]) => {
  expect(readDuration(text)).toBe(ms);
});
