import { describe, expect, test } from "vitest";
import type { OutboxFlaw } from "../../support/outbox/memory-outbox.ts";
import type { InvariantName } from "../invariants.ts";
import { runKeysSeed } from "./keys/run-keys-seed.ts";
import { runMessageSeed } from "./messages/run-message-seed.ts";
import type { policies } from "./regions/play.ts";
import { breaksPromise, regionTotals } from "./regions/totals.ts";
import { modes } from "./plan.ts";
import { seedText } from "./report.ts";
import { runSeed } from "./run-seed.ts";
import { count, missedWindows, noTotals } from "./totals.ts";

const seeds = 250;
const messageSeeds = 80;

/** The flaws of an outbox, each with the invariant that it breaks on the way to the broker. */
const flaws: Partial<Record<OutboxFlaw, InvariantName>> = {
  "a cursor skips what commits late": "every-commit-is-published",
  "a message is there before its commit": "only-commits-are-published",
  "a rolled back message stays": "only-commits-are-published",
  "adders of a key don't wait for each other": "commit-order",
  "the order of first writes is taken for that of commits": "commit-order",
  "a claim removes what it gives": "every-commit-is-published",
  "a dead relay's lease is never taken over": "every-commit-is-published",
  "rows are leased, not keys": "commit-order",
  "a late owner changes what is another's": "late-owner-changes-nothing",
  "a late owner changes what was given back": "late-owner-changes-nothing",
  "a parked message is passed in silence": "commit-order",
};

describe("the simulation", () => {
  test("keeps every invariant in every seed, and hits every critical window", async () => {
    const totals = noTotals("requests");
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

describe("the simulation of messages", () => {
  test("keeps every invariant in every seed, and hits every critical window", { timeout: 600_000 }, async () => {
    const totals = noTotals("messages");
    const effects = new Map<string, number>();
    for (let seed = 1; seed <= messageSeeds; seed += 1) {
      const result = await runMessageSeed(seed);
      count(totals, result);
      effects.set(result.mode, (effects.get(result.mode) ?? 0) + result.effects);
      expect(result.breaches, seedText(result)).toEqual([]);
    }
    expect(missedWindows(totals)).toEqual([]);
    // A mode with dead letters alone breaks no invariant, and proves nothing.
    for (const mode of modes) expect(effects.get(mode), mode).toBeGreaterThan(seeds);
  });

  test("plays a seed again in the same way", async () => {
    const [first, second] = [await runMessageSeed(1), await runMessageSeed(1)];
    expect(second).toEqual(first);
    expect((await runMessageSeed(2)).hash).not.toBe(first.hash);
  });

  test.for(Object.entries(flaws) as [OutboxFlaw, InvariantName][])(
    "finds an outbox of which is true: %s",
    async ([flaw, invariant]) => {
      const found = new Set<InvariantName>();
      for (let seed = 1; seed <= 100 && !found.has(invariant); seed += 1) {
        for (const breach of (await runMessageSeed(seed, flaw)).breaches) found.add(breach.invariant);
      }
      expect([...found]).toContain(invariant);
    },
  );
});

test("callers who name no server have no second effect where keys are ignored, and go on where they are honoured", async () => {
  const totals = noTotals("keys");
  for (let seed = 1; seed <= seeds; seed += 1) {
    const result = await runKeysSeed(seed);
    count(totals, result);
    expect(result.breaches, seedText(result)).toEqual([]);
  }
  expect(missedWindows(totals)).toEqual([]);
  expect(await runKeysSeed(1)).toEqual(await runKeysSeed(1));
});

test("a region that is cut off: what happens twice is only what its copy forgot, and nothing where that is refused", async () => {
  const totals = await regionTotals(40);
  expect(totals.filter(breaksPromise)).toEqual([]);
  const of = (policy: (typeof policies)[number]) => totals.find((total) => total.policy === policy)!;
  expect(of("each region for itself").doubled).toBeGreaterThan(0);
  expect(of("home region, fail over").doubled).toBeGreaterThan(0);
  expect(of("home region, wait").answered).toBe(of("home region, wait").orders);
  expect(of("home region, fail over, refuse old keys").inDoubt).toBeGreaterThan(0);
});
