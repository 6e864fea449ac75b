import { expect, test } from "vitest";
import { heldCount, heldWarnings, readHeldCount, storeHealth } from "./health.ts";

test("a count says how many keys are held, and for how long the oldest", () => {
  expect(heldCount(1000, [], 0)).toEqual({ keys: 0 });
  expect(heldCount(1000, [900, 400, 999], 2)).toEqual({ keys: 3, oldestMs: 600, ahead: 2 });
  expect(readHeldCount({ keys: "3", oldest_ms: "600", ahead: "0" })).toEqual({ keys: 3, oldestMs: 600 });
  expect(readHeldCount({ keys: 0, oldest_ms: null, ahead: 1 })).toEqual({ keys: 0, ahead: 1 });
});

test("a person is warned of keys that have been held for an hour or longer", () => {
  expect(heldWarnings({ keys: 0 })).toEqual([]);
  expect(heldWarnings({ keys: 7, oldestMs: 3_599_999 })).toEqual([]);
  expect(heldWarnings({ keys: 1, oldestMs: 3_600_000 })).toEqual([expect.stringMatching(/^1 key is held, .* 1 h: /)]);
  expect(heldWarnings({ keys: 7, oldestMs: 90_000_000 })).toEqual([
    expect.stringMatching(/^7 keys are held, .* 25 h: /),
  ]);
  expect(heldWarnings({ keys: 10_000, oldestMs: 90_000_000 })[0]).toContain("10000 keys or more");
  expect(heldWarnings({ keys: 1, oldestMs: 3_600_000, ahead: 2 })).toEqual([
    expect.stringMatching(/^1 key is held/),
    expect.stringMatching(/^2 running keys have times in the future: .*--odd/),
  ]);
});

test("a warning makes a store neither sick nor silent", async () => {
  const sound = async (): Promise<string[]> => [];
  expect(await storeHealth(sound, async () => ["1 key is held"])).toEqual({
    ...{ isHealthy: true, problems: [] },
    warnings: ["1 key is held"],
  });
  expect(await storeHealth(sound, () => Promise.reject(new Error("gone")))).toEqual({ isHealthy: true, problems: [] });
  expect(
    await storeHealth(
      async () => ["sick"],
      async () => ["1 key is held"],
    ),
  ).toEqual({
    ...{ isHealthy: false, problems: ["sick"] },
  });
});
