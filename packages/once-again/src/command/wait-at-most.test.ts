import process from "node:process";
import { expect, test } from "vitest";
import { waitAtMost } from "./wait-at-most.ts";

const timers = (): number => process.getActiveResourcesInfo().filter((one) => one === "Timeout").length;

test("a promise that settles leaves no timer behind, which would keep the process", async () => {
  const before = timers();
  expect(await waitAtMost(Promise.resolve("opened"), 60_000)).toBe("opened");
  expect(timers()).toBe(before);
  await expect(waitAtMost(Promise.reject(new Error("refused")), 60_000)).rejects.toThrow("refused");
  expect(timers()).toBe(before);
});

test("one that takes longer is waited for no more", async () => {
  expect(await waitAtMost(new Promise(() => undefined), 1)).toBe(undefined);
});
