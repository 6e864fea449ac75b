import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { sleep } from "./clock.ts";

test("sleep ends after exactly its delay, and leaves neither timer nor listener", async () => {
  const clock = fakeClock();
  const { signal } = new AbortController();
  let ended = false;
  const sleeping = sleep(clock, 1000, signal).then(() => (ended = true));
  await clock.advance(999);
  expect(ended).toBe(false);
  await clock.advance(1);
  await sleeping;
  expect(clock.pending).toBe(0);
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("an abort ends the sleep at once with its reason, and leaves neither timer nor listener", async () => {
  const clock = fakeClock();
  const controller = new AbortController();
  const reason = new Error("enough");
  const sleeping = sleep(clock, 1000, controller.signal);
  controller.abort(reason);
  await expect(sleeping).rejects.toBe(reason);
  expect(clock.pending).toBe(0);
  expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
});

test("with a signal that is aborted already, no sleep begins", async () => {
  const clock = fakeClock();
  const signal = AbortSignal.abort("before");
  await expect(sleep(clock, 0, signal)).rejects.toBe("before");
  expect(clock.pending).toBe(0);
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});
