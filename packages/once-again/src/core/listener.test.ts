import { setTimeout as wait } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { notify } from "./listener.ts";

test("a listener is called with the event, and none is required", () => {
  const heard: string[] = [];
  notify((event) => void heard.push(event), "rang");
  notify(undefined, "rang");
  expect(heard).toEqual(["rang"]);
});

test("a listener that throws breaks nothing", () => {
  expect(() =>
    notify(() => {
      throw new Error("listener");
    }, "rang"),
  ).not.toThrow();
});

test("an async listener that rejects leaves no unhandled rejection", async () => {
  const unhandled: unknown[] = [];
  const hear = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", hear);
  onTestFinished(() => void process.off("unhandledRejection", hear));
  // oxlint-disable-next-line typescript/no-misused-promises -- what users do all the same
  notify(async () => {
    throw new Error("listener");
  }, "rang");
  await wait(20);
  expect(unhandled).toEqual([]);
});
