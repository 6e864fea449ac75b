import { expect, test } from "vitest";
import { liveGate } from "./live-gate.ts";

/** Sends requests through the gate, and says which have passed. */
function traffic() {
  const gate = liveGate();
  const passed: string[] = [];
  const send = (caller: "careless" | "safe", name: string): void =>
    void gate.pass(caller).then(() => passed.push(name));
  /** All that can happen without another call has happened after that. */
  const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
  return { gate, passed, send, settled };
}

test("a shut gate holds all, and an open one none", async () => {
  const { gate, passed, send, settled } = traffic();
  send("safe", "one");
  send("safe", "two");
  await settled();
  expect([passed, gate.held("safe"), gate.held("careless")]).toEqual([[], 2, 0]);
  gate.setOpen(true);
  send("safe", "three");
  await settled();
  expect([passed.toSorted(), gate.held("safe")]).toEqual([["one", "three", "two"], 0]);
});

test("a step lets one request of each caller go, the longest waiting or else the next to come", async () => {
  const { gate, passed, send, settled } = traffic();
  send("safe", "safe 1");
  send("safe", "safe 2");
  gate.step();
  await settled();
  expect(passed).toEqual(["safe 1"]);
  send("careless", "careless 1");
  send("careless", "careless 2");
  await settled();
  expect(passed).toEqual(["safe 1", "careless 1"]);
});

test("two steps before a request comes are one; opening takes it back, and who looks on does not", async () => {
  const { gate, passed, send, settled } = traffic();
  gate.step();
  gate.step();
  send("safe", "one");
  send("safe", "two");
  gate.step();
  // Each change of who watches shuts it once more.
  gate.setOpen(false);
  send("careless", "three");
  await settled();
  expect(passed.toSorted()).toEqual(["one", "three", "two"]);
  gate.step();
  gate.setOpen(true);
  gate.setOpen(false);
  send("safe", "four");
  send("careless", "five");
  await settled();
  expect([passed.length, gate.held("safe"), gate.held("careless")]).toEqual([3, 1, 1]);
});

test("it is reached when both callers have come, also one that was let through", async () => {
  const { gate, send, settled } = traffic();
  let isReached = false;
  void gate.reached.then(() => (isReached = true));
  send("safe", "one");
  await settled();
  expect(isReached).toBe(false);
  send("careless", "two");
  await settled();
  expect(isReached).toBe(true);
});
