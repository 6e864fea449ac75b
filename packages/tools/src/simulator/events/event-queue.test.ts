import * as fc from "fast-check";
import { expect, test } from "vitest";
import { EventQueue } from "./event-queue.ts";

/** Times that differ in every digit of their bits, and times that are equal. */
const delays = fc.oneof(
  fc.constantFrom(0, -0, Number.MIN_VALUE, 0.1, 1, 1000, 1e9, Number.MAX_VALUE),
  fc.integer({ min: 0, max: 5 }),
  fc.double({ min: 0, max: 1e6, noNaN: true }),
);
const take = "take";

test("events come out by time, and those of one time in the order of their addition, taken out meanwhile or not", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(delays, fc.constant(take)), { maxLength: 3000 }), (steps) => {
      const queue = new EventQueue();
      const expected: { atMs: number; subject: number }[] = [];
      for (const [subject, step] of steps.entries()) {
        if (typeof step === "number") {
          const atMs = queue.atMs + step;
          if (!Number.isFinite(atMs)) continue;
          queue.add(atMs, 3, subject);
          expected.push({ atMs: atMs + 0, subject });
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

test("it grows, keeps what an event is, and uses its places again", () => {
  const queue = new EventQueue();
  for (let round = 0; round < 3; round += 1) {
    const startMs = queue.atMs;
    for (let subject = 0; subject < 10_000; subject += 1) {
      queue.add(startMs + 1 + ((subject * 7919) % 10_007), subject % 256, subject);
    }
    for (let count = 0, before = startMs; count < 10_000; count += 1, before = queue.atMs) {
      expect(queue.next()).toBe(true);
      expect(queue.atMs).toBeGreaterThan(before);
      expect(queue.atMs).toBe(startMs + 1 + ((queue.subject * 7919) % 10_007));
      expect(queue.kind).toBe(queue.subject % 256);
    }
    expect(queue.next()).toBe(false);
  }
});

test("nothing is added to the past", () => {
  const queue = new EventQueue();
  queue.add(5, 0, 0);
  queue.add(-0, 0, 7);
  expect([queue.next(), queue.subject]).toEqual([true, 7]);
  queue.next();
  queue.add(5, 0, 1);
  for (const atMs of [4.999, -1, Number.NaN]) expect(() => queue.add(atMs, 0, 2)).toThrow(RangeError);
  expect([queue.next(), queue.subject, queue.next()]).toEqual([true, 1, false]);
});
