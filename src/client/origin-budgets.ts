import { type RetryBudget, successBudget } from "../retry/index.ts";

/**
 * One retry budget per origin, made when the origin is first seen. Of the origins only the `originsMax` that were used
 * last are remembered, so that a crawler does not fill the memory; one that returns later starts with a full budget.
 */
export function originBudgets(originsMax = 1000): (origin: string) => RetryBudget {
  // A Map keeps the order of insertion: the first is the one that was not used for longest.
  const budgets = new Map<string, RetryBudget>();
  return (origin) => {
    const budget = budgets.get(origin) ?? successBudget();
    budgets.delete(origin);
    budgets.set(origin, budget);
    const [oldest] = budgets.keys();
    if (budgets.size > originsMax && oldest !== undefined) budgets.delete(oldest);
    return budget;
  };
}
