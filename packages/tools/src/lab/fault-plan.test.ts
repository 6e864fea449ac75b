import { expect, test } from "vitest";
import { drawFault, labPlan } from "./fault-plan.ts";
import { orderHeader, orderHeaderValue } from "./send-order.ts";

const options = { seed: 3, faults: 0.3 };
const exchangeOf = (orderId: string) => ({
  index: 0,
  method: "POST",
  target: "/orders",
  headers: new Map([[orderHeader.toLowerCase(), orderHeaderValue(orderId)]]),
});

test("attempts meet the same faults in whatever order they come", () => {
  const ids = ["a", "b", "c", "ö x"];
  const [one, other] = [labPlan(options), labPlan(options)];
  const seen = ids.map((id) => [one(exchangeOf(id)), one(exchangeOf(id)), one(exchangeOf(id))]);
  const mixed = [0, 1, 2].map(() => ids.toReversed().map((id) => other(exchangeOf(id))));
  for (const [index, faults] of seen.entries()) {
    expect(mixed.map((round) => round.toReversed()[index])).toEqual(faults);
    expect(new Set(faults.map((fault) => fault.requestDelayMs)).size).toBe(3);
  }
});

test("another seed, order or attempt is another draw", () => {
  const delays = [
    drawFault(options, "a", 1),
    drawFault({ ...options, seed: 4 }, "a", 1),
    drawFault(options, "a", 2),
    drawFault(options, "b", 1),
  ];
  expect(new Set(delays.map((fault) => fault.requestDelayMs)).size).toBe(4);
});

test("the share of faults is as asked at every attempt, in equal parts", () => {
  for (const attempt of [1, 2, 7]) {
    const faults = Array.from({ length: 9_000 }, (_, index) => drawFault(options, `ord_${index}`, attempt).scenario);
    for (const scenario of ["lose-request", "fail", "lose-answer"]) {
      const share = faults.filter((found) => found === scenario).length / faults.length;
      expect(share).toBeGreaterThan(0.085);
      expect(share).toBeLessThan(0.115);
    }
  }
});

test("a share outside of 0 to 1 is refused", () => {
  expect(() => labPlan({ seed: 1, faults: 1.5 })).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
});
