/* oxlint-disable vitest/valid-title, vitest/require-top-level-describe, vitest/valid-describe-callback -- A suite for test files. */
import { describe, expect, onTestFinished, test } from "vitest";
import type { Clock } from "../../../packages/once-again/src/core/clock.ts";
import { systemClock } from "../../../packages/once-again/src/core/system-clock.ts";
import { describeStores } from "../../kits/describe-stores.ts";
import type { TestedStore } from "../../kits/store-kit.ts";

const jumpMs = 600_000;

/** A clock that can be set. */
function settableClock(): Clock & { aheadMs: number } {
  const clock = { ...systemClock, aheadMs: 0, now: () => 1_700_000_000_000 + clock.aheadMs };
  return clock;
}

/** A clock that was ten minutes ahead and was set back: what was claimed meanwhile is seen, and nothing else. */
export async function describeClock(stores: readonly TestedStore[]): Promise<void> {
  await describeStores("clock", stores, ({ parts: { onClock }, place }) => {
    describe("a clock that was set back", () => {
      test("what was claimed meanwhile is seen, and nothing else", async () => {
        const clock = settableClock();
        const store = await onClock(place(), "clock", clock);
        onTestFinished(async () => store.close());
        const claim = async (key: string): Promise<unknown> =>
          store.claim({ scope: "a", key, fingerprint: "f", owner: key, leaseMs: 30_000, retentionMs: 3_600_000 });
        await claim("before");
        clock.aheadMs = jumpMs;
        await claim("died");
        await claim("done");
        await store.complete({
          scope: "a",
          key: "done",
          owner: "done",
          result: new Uint8Array(),
          retentionMs: 3_600_000,
        });
        // As clocks that stand in for each other may differ.
        clock.aheadMs = 5000;
        await claim("near");
        clock.aheadMs = 0;
        await claim("after");
        const listed = await store.list({});
        expect(listed.map(({ key, state, aheadMs }) => [key, state, aheadMs])).toEqual([
          ["after", "running", undefined],
          ["before", "running", undefined],
          ["died", "running", jumpMs],
          ["done", "done", jumpMs],
          ["near", "running", undefined],
        ]);
        expect(await store.inspect({ scope: "a", key: "died" })).toMatchObject({ aheadMs: jumpMs });
        if (store.countHeld === undefined) return;
        expect(await store.countHeld()).toEqual({ keys: 0, ahead: 1 });
        // When the clock is there again, it is held.
        clock.aheadMs = jumpMs + 60_000;
        expect(await store.countHeld()).toEqual({ keys: 4, oldestMs: expect.any(Number) });
      });
    });
  });
}
