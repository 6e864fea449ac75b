import { requireBoolean, invalidOptionError } from "../core/options.ts";
import { putLast } from "../core/put-last.ts";
import { refundedBudget } from "../retry/budgets/success-budget.ts";
import type { RetryBudget } from "../retry/index.ts";

/**
 * One thing per origin, made at the first call to the origin. Only the `originsMax` origins that were used last are
 * remembered, so that a crawler does not fill the memory. An origin that was forgotten gets a new one.
 */
export function perOrigin<Thing>(make: (origin: string) => Thing, originsMax = 1000): (origin: string) => Thing {
  const things = new Map<string, Thing>();
  // Most calls go to the origin of the call before. To compare it costs less than to move it to the end of a Map.
  let latest: { readonly origin: string; readonly thing: Thing } | undefined;
  return (origin) => {
    if (latest?.origin === origin) return latest.thing;
    const thing = things.get(origin) ?? make(origin);
    putLast(things, origin, thing, originsMax);
    latest = { origin, thing };
    return thing;
  };
}

/** One retry budget per origin. An origin that was forgotten starts with a full one. */
export function originBudgets(originsMax?: number): (origin: string) => RetryBudget {
  return perOrigin(() => refundedBudget({}), originsMax);
}

/** A choice made by origin: for all or none, for those that are listed, or as a function says. */
export type OriginRule = boolean | readonly string[] | ((origin: string) => boolean);

/**
 * Checks a rule and makes a function of it.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for anything else, and for an entry that is no origin such as
 *   `"https://shop.example"`.
 */
export function originRule(option: string, rule: OriginRule): (origin: string) => boolean {
  if (typeof rule === "boolean") return () => rule;
  if (typeof rule === "function") return (origin) => requireBoolean(`${option}()`, rule(origin));
  if (!Array.isArray(rule)) throw invalidOptionError(option, "a boolean, a list of origins or a function", rule);
  for (const origin of rule as readonly unknown[]) {
    if (typeof origin !== "string" || URL.parse(origin)?.origin !== origin) {
      throw invalidOptionError(option, 'a list of origins such as "https://shop.example"', origin);
    }
  }
  const origins = new Set(rule as readonly string[]);
  return (origin) => origins.has(origin);
}
