import { describe, expect, test } from "vitest";
import { modes } from "./plan.ts";
import { seedText } from "./report.ts";
import { runSeed } from "./run-seed.ts";
import { count, missedWindows, noTotals } from "./totals.ts";

const seeds = 250;

describe("the simulation", () => {
  test("keeps every invariant in every seed, and hits every critical window", { timeout: 240_000 }, async () => {
    const totals = noTotals();
    for (let seed = 1; seed <= seeds; seed += 1) {
      const result = await runSeed(seed);
      count(totals, result);
      expect(result.breaches, seedText(result)).toEqual([]);
    }
    expect(missedWindows(totals)).toEqual([]);
    expect(Object.keys(totals.modes).sort()).toEqual([...modes].sort());
  });

  test("plays a seed again in the same way, and another in another", async () => {
    for (const seed of [1, 2, 3]) {
      const [first, second] = [await runSeed(seed), await runSeed(seed)];
      expect(second).toEqual(first);
      expect((await runSeed(seed + 100)).hash).not.toBe(first.hash);
    }
  });

  test("leaves the platform as it was", async () => {
    const { crypto, MessageChannel } = globalThis;
    await runSeed(4);
    expect(globalThis.crypto).toBe(crypto);
    expect(globalThis.MessageChannel).toBe(MessageChannel);
  });
});
