import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { waitQueue } from "./semaphore.ts";

test("who comes with a signal that was aborted gets its reason, and no place in the line", async () => {
  const line = waitQueue();
  const signal = AbortSignal.abort(new Error("no longer"));
  await expect(Promise.race([line.wait(signal), Promise.resolve("waits")])).rejects.toThrow("no longer");
  expect([line.size(), getEventListeners(signal, "abort").length, line.wakeFirst()]).toEqual([0, 0, false]);
});

test("those who wait are woken in their order, and one who aborts leaves it", async () => {
  const line = waitQueue();
  const leaving = new AbortController();
  const woken: number[] = [];
  const wait = (id: number, signal: AbortSignal) => line.wait(signal).then(() => woken.push(id));
  const { signal } = new AbortController();
  const [first, second, third] = [wait(1, signal), wait(2, leaving.signal), wait(3, signal)];
  leaving.abort(new Error("enough"));
  await expect(second).rejects.toThrow("enough");
  expect([line.size(), line.wakeFirst()]).toEqual([2, true]);
  await first;
  line.wakeAll();
  await third;
  expect([woken, line.size(), getEventListeners(signal, "abort").length]).toEqual([[1, 3], 0, 0]);
});
