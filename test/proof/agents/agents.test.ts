import { describe, expect, test } from "vitest";
import { ownRules } from "./plan.ts";
import { runSeed } from "./run-seed.ts";
import { totalsOf } from "./totals.ts";

const seeds = 60;

describe("runs of agents", () => {
  test.each(ownRules)("by the rule %s, have one effect for each intention", async (rule) => {
    const [totals] = await totalsOf([rule], seeds);
    expect(totals!.first, `seed ${totals!.first?.seed}`).toBeUndefined();
    expect(totals!.lives).toBeGreaterThan(seeds);
    expect(totals!.repeated).toBeGreaterThan(0);
    // A rule that guesses is never in doubt.
    expect(totals!.asked).toBeGreaterThan(0);
  });

  test("a hash of the arguments swallows, and the model's own id doubles", async () => {
    const [hash, callId] = await totalsOf(["hash", "call-id"], seeds);
    expect(hash!.first!.breaches.join()).toContain("is the result of more than one intention");
    expect(callId!.broken).toBeGreaterThan(seeds / 10);
    expect(callId!.first!.breaches.join()).toContain("had one effect too many");
  });

  test("are the same when a seed is played again", async () => {
    for (const seed of [1, 2, 3]) expect(await runSeed(seed)).toEqual(await runSeed(seed));
  });
});
