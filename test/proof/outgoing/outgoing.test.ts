import { describe, expect, test } from "vitest";
import { runSeed, settingNames, totalsOf } from "./run-seed.ts";

const seeds = 150;

describe("handlers that are killed at each step, and run again", () => {
  test.each(settingNames)("with %s: have the effects of one run, or are held, and none too many", (setting) => {
    const totals = totalsOf(setting, seeds);
    expect(totals.first, `seed ${totals.first?.seed}`).toBeUndefined();
    expect(totals.crashPoints).toBeGreaterThan(seeds * 10);
    expect(totals.requests).toBeGreaterThan(totals.effects);
    // A rule that holds everything would be safe, too.
    expect(totals.succeeded).toBeGreaterThan(totals.crashPoints / 8);
  });

  test("are hardly ever held where nothing changes between the runs", () => {
    const { held, crashPoints } = totalsOf("one after another", seeds);
    expect(held).toBeLessThan(crashPoints / 100);
  });

  test("are the same when a seed is played again", () => {
    for (const seed of [1, 2, 3]) expect(runSeed(seed, "everything")).toEqual(runSeed(seed, "everything"));
  });
});
