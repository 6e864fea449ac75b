import { expect, test } from "vitest";
import { atLeastOnceQueue, type Delivery } from "./at-least-once-queue.ts";

function consumed(prefetch = 10) {
  const queue = atLeastOnceQueue<string>();
  const got: Delivery<string>[] = [];
  const stop = queue.consume(prefetch, (delivery) => got.push(delivery));
  return { queue, got, stop, messages: () => got.map(({ message, deliveries }) => `${message}${deliveries}`) };
}

test("a message stays until it is acknowledged", () => {
  const { queue, got } = consumed();
  queue.add("a");
  expect(queue.waiting).toBe(1);
  queue.settle(got[0]!.tag, "acknowledge");
  queue.settle(got[0]!.tag, "acknowledge");
  expect(queue.waiting).toBe(0);
});

test("no more than the prefetch is with the consumer", () => {
  const { queue, got, messages } = consumed(2);
  for (const message of ["a", "b", "c"]) queue.add(message);
  expect(messages()).toEqual(["a1", "b1"]);
  queue.settle(got[1]!.tag, "acknowledge");
  expect(messages()).toEqual(["a1", "b1", "c1"]);
});

test("what is given back comes again, and is counted", () => {
  const { queue, got, messages } = consumed();
  queue.add("a");
  queue.settle(got[0]!.tag, "give-back");
  expect([messages(), queue.waiting]).toEqual([["a1", "a2"], 1]);
});

test("what a dead consumer had goes to the next, and its late word changes nothing", () => {
  const { queue, got, stop } = consumed();
  queue.add("a");
  stop();
  stop();
  const next: Delivery<string>[] = [];
  queue.consume(1, (delivery) => next.push(delivery));
  queue.settle(got[0]!.tag, "acknowledge");
  expect(next).toMatchObject([{ message: "a", deliveries: 2 }]);
  expect(queue.waiting).toBe(1);
});

test("messages wait while there is no consumer", () => {
  const queue = atLeastOnceQueue<string>();
  queue.add("a");
  const got: string[] = [];
  queue.consume(1, ({ message }) => got.push(message));
  expect(got).toEqual(["a"]);
});
