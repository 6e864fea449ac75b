import * as fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom } from "once-again";
import { faultScenarios, randomFaults, type Exchange, type Fault } from "./fault.ts";

const exchange: Exchange = { index: 0, method: "GET", target: "/", headers: new Map() };

function drawn(count: number, options: Parameters<typeof randomFaults>[0]): Fault[] {
  const plan = randomFaults(options);
  return Array.from({ length: count }, (_, index) => plan({ ...exchange, index }));
}

test("a seeded plan repeats", () => {
  const options = { probability: 0.5, silenceShare: 0.5, delayMsMax: 9 };
  const [one, two, other] = [1, 1, 2].map((seed) => drawn(50, { ...options, random: seededRandom(seed) }));
  expect(one).toEqual(two);
  expect(one).not.toEqual(other);
});

test("faults come as often as asked, the three scenarios equally often, silence by its share", () => {
  const count = 20_000;
  const faults = drawn(count, { probability: 0.3, silenceShare: 0.25, random: seededRandom("shares") });
  for (const scenario of faultScenarios) {
    const share = faults.filter((fault) => fault.scenario === scenario).length / count;
    expect(share).toBeGreaterThan(0.09);
    expect(share).toBeLessThan(0.11);
  }
  const losses = faults.flatMap((fault) => ("manner" in fault ? [fault.manner] : []));
  const silent = losses.filter((manner) => manner === "silence").length / losses.length;
  expect(silent).toBeGreaterThan(0.22);
  expect(silent).toBeLessThan(0.28);
});

test("delays stay below their bound, and probability 0 and 1 mean never and always", () => {
  fc.assert(
    fc.property(fc.integer(), fc.constantFrom(0, 1), fc.nat(1_000), (seed, probability, delayMsMax) => {
      for (const fault of drawn(20, { probability, delayMsMax, random: seededRandom(seed) })) {
        expect(fault.scenario === "pass").toBe(probability === 0);
        expect(fault.requestDelayMs).toBeLessThanOrEqual(delayMsMax);
        expect(fault.answerDelayMs).toBeLessThanOrEqual(delayMsMax);
      }
    }),
  );
});

test("a share outside of 0 to 1 is refused", () => {
  for (const options of [{ probability: Number.NaN }, { probability: -0.1 }, { probability: 0.1, silenceShare: 2 }]) {
    expect(() => randomFaults(options)).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
  }
});
