import * as fc from "fast-check";
import { expect, test } from "vitest";
import { successBudget } from "./success-budget.ts";

test("a full budget pays for as many retries as it has tokens, then for none", () => {
  const budget = successBudget({ capacity: 10 });
  const paid = Array.from({ length: 12 }, () => budget.tryTake());
  expect(paid.filter(Boolean)).toHaveLength(10);
  expect(paid.at(-1)).toBe(false);
});

test("ten successes at a tenth each pay for exactly one retry", () => {
  const budget = successBudget({ capacity: 10 });
  while (budget.tryTake());
  for (let success = 0; success < 9; success += 1) budget.onSuccess();
  expect(budget.tryTake()).toBe(false);
  budget.onSuccess();
  expect(budget.tryTake()).toBe(true);
  expect(budget.tryTake()).toBe(false);
});

test("retries never exceed the capacity plus what successes brought", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 500 }), (calls) => {
      const budget = successBudget({ capacity: 10 });
      let [successes, retries] = [0, 0];
      for (const succeeded of calls) {
        if (succeeded) {
          successes += 1;
          budget.onSuccess();
        } else if (budget.tryTake()) retries += 1;
      }
      expect(retries).toBeLessThanOrEqual(10 + successes / 10);
    }),
  );
});

test("options out of bounds are refused", () => {
  const refused = expect.objectContaining({ code: "ONCE_OPTION_INVALID" });
  expect(() => successBudget({ capacity: 9 })).toThrow(refused);
  expect(() => successBudget({ capacity: 1001 })).toThrow(refused);
  expect(() => successBudget({ tokensPerSuccess: 0 })).toThrow(refused);
});
