import { setTimeout as wait } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { systemClock } from "./system-clock.ts";

const dayMs = 86_400_000;

test("a timer fires once, not before its delay is nearly over", async () => {
  const startedAt = systemClock.monotonic();
  let calls = 0;
  await new Promise<void>((resolve) => {
    systemClock.timer(30, () => {
      calls += 1;
      resolve();
    });
  });
  // JavaScript timers cut fractions of a millisecond off.
  expect(systemClock.monotonic() - startedAt).toBeGreaterThan(28);
  await wait(40);
  expect(calls).toBe(1);
});

test("a timer longer than a JavaScript timer can be does not fire at once", async () => {
  let fired = false;
  const cancels = [2 ** 31, 2 ** 31 + 1, 2 ** 40, Infinity].map((delayMs) =>
    systemClock.timer(delayMs, () => (fired = true)),
  );
  await wait(30);
  for (const cancel of cancels) cancel();
  expect(fired).toBe(false);
});

test("a timer of 60 days fires after 60 days, and a cancelled one never does", () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
  try {
    const fired: string[] = [];
    systemClock.timer(60 * dayMs, () => fired.push("waited"));
    const cancel = systemClock.timer(60 * dayMs, () => fired.push("cancelled"));
    // Past the first piece, so that the timer to cancel is not the one that was set first.
    vi.advanceTimersByTime(30 * dayMs);
    cancel();
    vi.advanceTimersByTime(30 * dayMs - 1);
    expect(fired).toEqual([]);
    vi.advanceTimersByTime(2);
    expect(fired).toEqual(["waited"]);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test("cancelling late or twice does nothing", async () => {
  let calls = 0;
  const cancel = systemClock.timer(0, () => (calls += 1));
  await wait(10);
  cancel();
  cancel();
  expect(calls).toBe(1);
});

test("now is wall time, and monotonic time does not go back", () => {
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000);
  const first = systemClock.monotonic();
  expect(systemClock.monotonic()).toBeGreaterThanOrEqual(first);
});
