import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { crashShares, crashSchedule } from "./crash-schedule.ts";

const fail = (error: unknown): never => expect.unreachable(String(error));

test("five crashes, at tenths of the work", async () => {
  let steps = 0;
  const at: number[] = [];
  const schedule = crashSchedule(100, crashShares.api, async () => at.push(steps) > 0, fail);
  for (; steps < 100;) {
    steps += 1;
    schedule.step();
    await setImmediate();
  }
  expect(at).toEqual([10, 30, 50, 70, 90]);
  expect(await schedule.settled()).toBe(5);
});

test("a crash waits for the one before it, and the end of the work calls off the rest", async () => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const schedule = crashSchedule(10, crashShares.api, () => promise, fail);
  for (let step = 0; step < 10; step += 1) schedule.step();
  await setImmediate();
  const settled = schedule.settled();
  resolve(true);
  expect(await settled).toBe(1);
});

test("a crash that finds nothing to crash is not counted", async () => {
  const schedule = crashSchedule(10, [0.1, 0.2], async () => false, fail);
  for (let step = 0; step < 10; step += 1) schedule.step();
  await setImmediate();
  expect(await schedule.settled()).toBe(0);
});

test("no work, no crash; a crash that fails is reported, and is the last", async () => {
  const none = crashSchedule(0, crashShares.api, async () => fail("a crash"), fail);
  none.step();
  expect(await none.settled()).toBe(0);

  const failures: unknown[] = [];
  let crashes = 0;
  const failing = crashSchedule(
    10,
    crashShares.api,
    async () => {
      crashes += 1;
      throw new Error("no");
    },
    (error) => failures.push(error),
  );
  for (let step = 0; step < 10; step += 1) failing.step();
  await setImmediate();
  expect(await failing.settled()).toBe(0);
  expect({ crashes, failures }).toEqual({ crashes: 1, failures: [new Error("no")] });
});
