import { type RetryBudget, successBudget } from "../retry/index.ts";
import { perOrigin } from "./per-origin.ts";

/** One retry budget per origin. An origin that was forgotten starts with a full one. */
export function originBudgets(originsMax?: number): (origin: string) => RetryBudget {
  return perOrigin(() => successBudget(), originsMax);
}
