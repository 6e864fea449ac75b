import process from "node:process";
import { expect, test } from "vitest";
import { Deadline, DeadlineTimer } from "./deadline-timer.ts";
import { systemClock } from "./system-clock.ts";

class Call extends Deadline {
  dueAt: number | undefined;
  readonly #whenDue: () => void;

  constructor(whenDue: () => void = () => undefined) {
    super();
    this.#whenDue = whenDue;
  }

  onDue(): void {
    this.dueAt = systemClock.monotonic();
    this.#whenDue();
  }
}

const timeouts = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

test("a deadline that is cleared does not keep the process alive, on the machine's clock", () => {
  const timer = new DeadlineTimer(systemClock);
  const before = timeouts();
  const call = new Call();
  timer.set(call, systemClock.monotonic() + 50_000);
  expect(timeouts()).toBe(before + 1);
  timer.clear(call);
  expect(timeouts()).toBe(before);
  timer.set(call, systemClock.monotonic() + 55_000);
  expect(timeouts()).toBe(before + 1);
  timer.clear(call);
  expect(timeouts()).toBe(before);
});

test("a deadline that is set after another was cleared is due at its own time, earlier or later", async () => {
  const timer = new DeadlineTimer(systemClock);
  for (const [clearedMs, setMs] of [
    [20, 45],
    [5000, 20],
  ] as const) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const [cleared, call] = [new Call(), new Call(resolve)];
    const now = systemClock.monotonic();
    timer.set(cleared, now + clearedMs);
    timer.clear(cleared);
    timer.set(call, now + setMs);
    await promise;
    expect([cleared.dueAt, call.dueAt! >= now + setMs]).toEqual([undefined, true]);
  }
});

test("a timer that rests fires for nothing when its time comes", async () => {
  const timer = new DeadlineTimer(systemClock);
  const cleared = new Call();
  timer.set(cleared, systemClock.monotonic() + 5);
  timer.clear(cleared);
  const { promise, resolve } = Promise.withResolvers<void>();
  systemClock.timer(30, resolve);
  await promise;
  const later = Promise.withResolvers<void>();
  timer.set(new Call(later.resolve), systemClock.monotonic() + 5);
  await later.promise;
  expect(cleared.dueAt).toBeUndefined();
});
