import { expect, test } from "vitest";
import { originBudgets } from "./per-origin.ts";

test("each origin has a separate budget", () => {
  const budgetOf = originBudgets();
  expect(budgetOf("https://a.test")).toBe(budgetOf("https://a.test"));
  expect(budgetOf("https://a.test")).not.toBe(budgetOf("https://b.test"));
});

test("of too many origins the one that was not used for longest is forgotten", () => {
  const budgetOf = originBudgets(2);
  const [first, second] = [budgetOf("first"), budgetOf("second")];
  budgetOf("first");
  budgetOf("third");
  expect(budgetOf("first")).toBe(first);
  expect(budgetOf("second")).not.toBe(second);
});
