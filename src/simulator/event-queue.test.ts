import * as fc from "fast-check";
import { expect, test } from "vitest";
import { EventQueue } from "./event-queue.ts";

test("events come out by time, and those of one time in the order of their addition, taken out meanwhile or not", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1, max: 5 }), { maxLength: 3000 }), fc.boolean(), (steps, inOrder) => {
      const queue = new EventQueue();
      const expected: { atMs: number; subject: number }[] = [];
      for (const [subject, step] of steps.entries()) {
        if (step >= 0) {
          if (inOrder && subject % 2 === 0) queue.addInOrder(step, 3, subject);
          else queue.add(step, 3, subject);
          expected.push({ atMs: step, subject });
          continue;
        }
        expected.sort((one, other) => one.atMs - other.atMs || one.subject - other.subject);
        const first = expected.shift();
        expect(queue.next()).toBe(first !== undefined);
        if (first !== undefined) expect({ atMs: queue.atMs, subject: queue.subject }).toEqual(first);
      }
      expect(queue.size).toBe(expected.length);
    }),
  );
});

test("it grows, and keeps what an event is", () => {
  const queue = new EventQueue();
  for (let subject = 0; subject < 10_000; subject += 1) {
    queue.addInOrder(subject + 20_000, 7, subject);
    queue.add((subject * 7919) % 10_007, subject % 256, subject);
  }
  let before = -1;
  while (queue.next()) {
    expect(queue.atMs).toBeGreaterThan(before);
    const isInOrder = queue.atMs >= 20_000;
    expect(queue.atMs).toBe(isInOrder ? queue.subject + 20_000 : (queue.subject * 7919) % 10_007);
    expect(queue.kind).toBe(isInOrder ? 7 : queue.subject % 256);
    before = queue.atMs;
  }
});
