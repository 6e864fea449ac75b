import { expect, test } from "vitest";
import { havePassed, repeatUntilHit, type RunResult } from "./repeat-until-hit.ts";

const clean = (...missedWindows: string[]): RunResult => ({ breaches: [], failures: [], missedWindows });

/** Plays these results, one run after the other. */
const played = (results: readonly RunResult[], runsMax = 3) =>
  repeatUntilHit((index) => Promise.resolve(results[index]!), runsMax);

test("one run that hits every window is enough", async () => {
  const runs = await played([clean()]);
  expect([runs.results.length, runs.missed, havePassed(runs)]).toEqual([1, [], true]);
});

test("a further run has to hit only what all runs before it missed", async () => {
  const runs = await played([clean("a", "b"), clean("b", "c"), clean("a", "c")]);
  expect([runs.results.length, runs.missed, havePassed(runs)]).toEqual([3, [], true]);
});

test("a window that no run hits fails, and the runs end", async () => {
  const runs = await played([clean("a", "b"), clean("a"), clean("a")]);
  expect([runs.results.length, runs.missed, havePassed(runs)]).toEqual([3, ["a"], false]);
});

test.for(["breaches", "failures"] as const)("a run with %s is the last one, and fails", async (what) => {
  const runs = await played([clean("a"), { ...clean(), [what]: ["broken"] }]);
  expect([runs.results.length, havePassed(runs)]).toEqual([2, false]);
});
