import { getEventListeners } from "node:events";
import { expect, onTestFinished, test, vi } from "vitest";
import { onAbort } from "./on-abort.ts";

test("each listener is called once, in the order in which they came, but for those that left", () => {
  const controller = new AbortController();
  const { signal } = controller;
  const called: string[] = [];
  onAbort(signal, () => called.push("a"));
  const leaveB = onAbort(signal, () => called.push("b"));
  onAbort(signal, () => {
    called.push("c");
    leaveD();
  });
  const leaveD = onAbort(signal, () => called.push("d"));
  onAbort(signal, () => called.push("e"));
  leaveB();
  controller.abort();
  controller.abort();
  expect(called).toEqual(["a", "c", "e"]);
});

test("the last that leaves takes the signal's listener along, and one that leaves twice none of another's", () => {
  const controller = new AbortController();
  const { signal } = controller;
  const leave = onAbort(signal, () => undefined);
  leave();
  expect(getEventListeners(signal, "abort")).toEqual([]);
  let calls = 0;
  onAbort(signal, () => (calls += 1));
  leave();
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  controller.abort();
  expect(calls).toBe(1);
});

test("one that throws stops no other, and its error is an uncaught one", () => {
  const controller = new AbortController();
  const fault = new Error("a timer that can't be cancelled");
  const uncaught = vi.fn<(error: unknown) => void>();
  const queued = vi.spyOn(globalThis, "queueMicrotask").mockImplementation((work) => {
    try {
      work();
    } catch (error) {
      uncaught(error);
    }
  });
  onTestFinished(() => queued.mockRestore());
  let calls = 0;
  onAbort(controller.signal, () => {
    throw fault;
  });
  onAbort(controller.signal, () => (calls += 1));
  controller.abort();
  expect([calls, uncaught.mock.calls]).toEqual([1, [[fault]]]);
});
