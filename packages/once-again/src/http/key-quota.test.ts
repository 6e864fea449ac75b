import { expect, test } from "vitest";
import { OnceAgainError } from "../core/errors.ts";
import { fakeClock } from "../../../testing/src/index.ts";
import { quotaCount } from "./key-quota.ts";

const minuteMs = 60_000;

test("a scope has so many keys at once, and another has its own", () => {
  const quota = quotaCount({ keysMax: 3, perMs: minuteMs }, fakeClock());
  expect([1, 2, 3, 4].map(() => quota.take("acme"))).toEqual([true, true, true, false]);
  expect(quota.take("globex")).toBe(true);
});

test("they come back with time, and never more than there were", async () => {
  const clock = fakeClock();
  const quota = quotaCount({ keysMax: 3, perMs: minuteMs }, clock);
  for (let key = 0; key < 3; key += 1) quota.take("acme");
  await clock.advance(quota.waitMs);
  expect([1, 2].map(() => quota.take("acme"))).toEqual([true, false]);
  await clock.advance(100 * minuteMs);
  expect([1, 2, 3, 4].map(() => quota.take("acme"))).toEqual([true, true, true, false]);
});

test("one that was not needed is given back", () => {
  const quota = quotaCount({ keysMax: 1, perMs: minuteMs }, fakeClock());
  quota.take("acme");
  quota.giveBack("acme");
  quota.giveBack("acme");
  expect([1, 2].map(() => quota.take("acme"))).toEqual([true, false]);
});

test("one that is given back is one, not all", () => {
  const quota = quotaCount({ keysMax: 3, perMs: minuteMs }, fakeClock());
  for (let key = 0; key < 3; key += 1) quota.take("acme");
  quota.giveBack("acme");
  expect([1, 2].map(() => quota.take("acme"))).toEqual([true, false]);
});

test("the scope that was at work last is remembered, however long ago it came first", () => {
  const quota = quotaCount({ keysMax: 2, perMs: minuteMs }, fakeClock());
  for (let key = 0; key < 2; key += 1) quota.take("first");
  for (let scope = 0; scope < 9999; scope += 1) quota.take(`scope-${scope}`);
  expect(quota.take("first")).toBe(false);
  quota.take("one more");
  expect(quota.take("first")).toBe(false);
  // The one that was quiet for longest had both of its keys again.
  expect([1, 2, 3].map(() => quota.take("scope-0"))).toEqual([true, true, false]);
});

test("any number of scopes takes a bounded amount of memory", () => {
  const quota = quotaCount({ keysMax: 1, perMs: minuteMs }, fakeClock());
  quota.take("first");
  for (let scope = 0; scope < 10_000; scope += 1) quota.take(`scope-${scope}`);
  // It was quiet for longest, and was forgotten; the others were not.
  expect(quota.take("scope-9999")).toBe(false);
  expect(quota.take("first")).toBe(true);
});

test.each([
  { keysMax: 0, perMs: 1 },
  { keysMax: 1.5, perMs: 1 },
  { keysMax: 1, perMs: 0 },
])("%j is refused", (quota) => {
  expect(() => quotaCount(quota, fakeClock())).toThrow(OnceAgainError);
});
