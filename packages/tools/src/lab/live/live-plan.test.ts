import { expect, test } from "vitest";
import { liveFault } from "./live-plan.ts";
import { legMs, type LiveScenario, type LiveSettings, liveScenarios, rateMax } from "./live-protocol.ts";
import { changeSettings, liveDefaults } from "./live-settings.ts";

const crowd = changeSettings(liveDefaults, { mode: "crowd", speed: "full" });

const attempts = Array.from(
  { length: 6_000 },
  (_, index) => [`ord_${index % 2_000}`, 1 + Math.floor(index / 2_000)] as const,
);

const fates = (settings: LiveSettings): string[] =>
  attempts.map(([orderId, attempt]) => liveFault(settings, orderId, attempt).scenario);

const onlyWith = (scenario: LiveScenario, rate: number): LiveSettings => {
  const faults = Object.fromEntries(liveScenarios.map((name) => [name, { isOn: name === scenario, rate }]));
  return changeSettings(crowd, { faults });
};

test.for(liveScenarios)("alone, %s befalls its share of the attempts, and nothing else does", (scenario) => {
  const found = fates(onlyWith(scenario, 0.2));
  const share = found.filter((fate) => fate === scenario).length / found.length;
  expect(share).toBeGreaterThan(0.18);
  expect(share).toBeLessThan(0.22);
  expect(new Set(found)).toEqual(new Set([scenario, "pass"]));
});

test("to switch one scenario off, or change its rate, leaves the others where they were", () => {
  const before = fates(crowd);
  for (const scenario of liveScenarios) {
    const off = fates(changeSettings(crowd, { faults: { [scenario]: { isOn: false } } }));
    expect(off).toEqual(before.map((fate) => (fate === scenario ? "pass" : fate)));
    const more = fates(changeSettings(crowd, { faults: { [scenario]: { rate: rateMax } } }));
    expect(more.every((fate, index) => fate === before[index] || fate === scenario)).toBe(true);
  }
});

test("at the highest rates a tenth still passes; another seed is another draw", () => {
  const faults = Object.fromEntries(liveScenarios.map((name) => [name, { isOn: true, rate: rateMax }]));
  const worst = fates(changeSettings(crowd, { faults }));
  const passing = worst.filter((fate) => fate === "pass").length / worst.length;
  expect(passing).toBeGreaterThan(0.08);
  expect(passing).toBeLessThan(0.12);
  expect(fates(changeSettings(crowd, { seed: 2 }))).not.toEqual(fates(crowd));
});

test("the speed is how long a message is on its way, and changes no fate", () => {
  const fast = fates(crowd);
  const slow = attempts.map(([orderId, attempt]) => liveFault({ ...crowd, speed: "slow" }, orderId, attempt));
  expect(slow.map((fault) => fault.scenario)).toEqual(fast);
  const delays = slow.flatMap(({ requestDelayMs = 0, answerDelayMs = 0 }) => [requestDelayMs, answerDelayMs]);
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(legMs.slow / 2);
  expect(Math.max(...delays)).toBeLessThan(legMs.slow * 1.5);
  expect(liveFault(crowd, "ord_1", 1)).toMatchObject({ requestDelayMs: 0, answerDelayMs: 0 });
});

test("the story is that of a lost answer", () => {
  const fate = (attempt: number) => liveFault(liveDefaults, "ord_1", attempt);
  expect(fate(1)).toEqual({ scenario: "lose-answer", requestDelayMs: legMs.slow, answerDelayMs: legMs.slow });
  expect([fate(2).scenario, fate(3).scenario]).toEqual(["pass", "pass"]);
});

test.for<[change: unknown, problem: string]>([
  [{ orders: 0 }, "from 1 to 100000"],
  [{ orders: 1.5 }, "whole number"],
  [{ seed: -1 }, "seed"],
  [{ concurrency: 65 }, "from 1 to 64"],
  [{ speed: "warp" }, "speed"],
  [{ mode: "film" }, "mode"],
  [{ faults: { fail: { rate: 0.31 } } }, "from 0 to 0.3"],
  [{ faults: { fail: { isOn: "perhaps" } } }, "isOn"],
  [{ weather: "fine" }, "weather"],
  [undefined, "an object"],
])("%j is no setting", ([change, problem]) => {
  expect(() => changeSettings(liveDefaults, change)).toThrow(
    expect.objectContaining({ code: "ONCE_OPTION_INVALID", message: expect.stringContaining(problem) as string }),
  );
});
