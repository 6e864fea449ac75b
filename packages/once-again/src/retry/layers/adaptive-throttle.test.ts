import * as fc from "fast-check";
import { expect, test } from "vitest";
import { OnceAgainError } from "../../core/errors.ts";
import { seededRandom } from "../../core/random.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { run } from "../layer.ts";
import { adaptiveThrottle } from "./adaptive-throttle.ts";
import { rejectionProbability } from "./throttle-state.ts";

test("p = max(0, (requests - K * accepts) / (requests + 1))", () => {
  expect(rejectionProbability(0, 0, 2)).toBe(0);
  expect(rejectionProbability(100, 50, 2)).toBe(0);
  expect(rejectionProbability(100, 10, 2)).toBeCloseTo(80 / 101, 12);
  expect(rejectionProbability(99, 0, 2)).toBe(0.99);
  fc.assert(
    fc.property(fc.nat(1e6), fc.nat(1e6), fc.double({ min: 1, max: 10, noNaN: true }), (requests, accepts, factor) => {
      const chance = rejectionProbability(requests, accepts, factor);
      expect(chance).toBeGreaterThanOrEqual(0);
      expect(chance).toBeLessThan(1);
    }),
  );
});

const fail = (): never => {
  throw new Error("overload");
};

/** Makes calls, and returns how many reached the server. */
async function reached(throttle: ReturnType<typeof adaptiveThrottle>, calls: number, server: () => unknown) {
  let count = 0;
  for (let call = 0; call < calls; call += 1) {
    const operation = throttle(() => {
      count += 1;
      return server();
    });
    await run(operation).catch((error: Error & { code?: string }) => {
      if (error.message !== "overload") expect(error.code).toBe("ONCE_THROTTLED");
    });
  }
  return count;
}

test("a server that accepts half of the calls or more gets all of them", async () => {
  let call = 0;
  const half = (): unknown => ((call += 1) % 2 === 1 ? "accepted" : fail());
  expect(await reached(adaptiveThrottle({ clock: fakeClock() }), 1000, half)).toBe(1000);
});

test("a server that accepts nothing gets few calls, and after two minutes all of them again", async () => {
  const clock = fakeClock();
  const seed = 21;
  const throttle = adaptiveThrottle({ clock, random: seededRandom(seed) });
  expect(await reached(throttle, 1000, fail), `seed ${seed}`).toBeLessThan(30);
  await clock.advance(120_000);
  expect(await reached(throttle, 100, () => "accepted")).toBe(100);
});

test("a server that accepts a tenth gets about twice what it accepts", async () => {
  const [seed, clock] = [7, fakeClock()];
  const random = seededRandom(seed);
  let accepted = 0;
  // A server that accepts 100 calls a second, and is asked 1,000 times.
  const throttle = adaptiveThrottle({ clock, random });
  let sent = 0;
  for (let second = 0; second < 60; second += 1) {
    let left = 100;
    const server = (): unknown => {
      left -= 1;
      if (left < 0) return fail();
      accepted += 1;
      return "accepted";
    };
    sent += await reached(throttle, 1000, server);
    await clock.advance(1000);
  }
  expect(sent / accepted, `seed ${seed}`).toBeGreaterThan(1.8);
  expect(sent / accepted, `seed ${seed}`).toBeLessThan(2.3);
});

test("a burst of first calls does not throttle itself, and aborts are not counted", async () => {
  const throttle = adaptiveThrottle({ clock: fakeClock(), random: () => 0 });
  const controller = new AbortController();
  const hanging = Array.from({ length: 50 }, () =>
    expect(
      run(
        throttle(() => new Promise(() => {})),
        controller.signal,
      ),
    ).rejects.toBe("enough"),
  );
  controller.abort("enough");
  await Promise.all(hanging);
  expect(await run(throttle(() => "fine"))).toBe("fine");
});

test("calls that a layer further in held back, and aborted ones, are no accepted requests either", async () => {
  const chance = { now: 0 };
  const throttle = adaptiveThrottle({ clock: fakeClock(), random: () => chance.now });
  const heldBack = (): never => {
    throw new OnceAgainError("ONCE_QUEUE_FULL", "held back");
  };
  chance.now = 1;
  for (let call = 0; call < 9; call += 1) await expect(run(throttle(fail))).rejects.toThrow("overload");
  for (let call = 0; call < 9; call += 1) {
    await expect(run(throttle(heldBack))).rejects.toMatchObject({ code: "ONCE_QUEUE_FULL" });
    const controller = new AbortController();
    const abort = (): never => {
      controller.abort(new Error("enough"));
      return fail();
    };
    await expect(run(throttle(abort), controller.signal)).rejects.toThrow("enough");
  }
  // Of nine requests none was accepted: the chance is still 9 of 10.
  chance.now = 0.89;
  await expect(run(throttle(() => "accepted"))).rejects.toMatchObject({ code: "ONCE_THROTTLED" });
});

test.each([{ requestsPerAccept: 0.9 }, { windowMs: 9 }])("%o is refused", (options) => {
  expect(() => adaptiveThrottle(options)).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
});
