import { describe, expect, test } from "vitest";
import { serverClock } from "./server-clock.ts";

/** A server's clock that was set to 1,000 after a trip of 10 ms, and the two clocks of the machine. */
function clocks() {
  const machine = { wall: 5000, monotonic: 100 };
  const time = serverClock({
    now: () => machine.wall,
    monotonic: () => machine.monotonic,
    timer: () => () => undefined,
  });
  machine.monotonic += 10;
  time.set(1000, machine.monotonic - 10);
  return { machine, time };
}

describe("the server's time", () => {
  test("is not known before a reply", () => {
    const time = serverClock({ now: () => 0, monotonic: () => 0, timer: () => () => undefined });
    expect(time.now(1e9)).toBeUndefined();
  });

  test("goes on with our clocks, in whole milliseconds, for a minute", () => {
    const { machine, time } = clocks();
    machine.wall += 30_000;
    machine.monotonic += 30_000.7;
    expect(time.now(1000)).toBe(31_000);
    machine.wall += 30_000;
    machine.monotonic += 30_000;
    expect(time.now(1000)).toBeUndefined();
  });

  test("is known to within its trip and the drift since, and no better", () => {
    const { machine, time } = clocks();
    expect([time.now(10), time.now(9)]).toEqual([1000, undefined]);
    machine.wall += 5000;
    machine.monotonic += 5000;
    expect([time.now(15), time.now(14)]).toEqual([6000, undefined]);
  });

  test.each([
    ["was set", { wall: 3_600_000, monotonic: 0 }],
    ["stood still with the machine", { wall: 20_000, monotonic: 1000 }],
  ])("is not known any more when one of our clocks %s", (_, passed) => {
    const { machine, time } = clocks();
    machine.wall += passed.wall;
    machine.monotonic += passed.monotonic;
    expect(time.now(1000)).toBeUndefined();
  });
});
