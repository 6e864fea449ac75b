import { invalidOptionError } from "../core/options.ts";

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
  if (typeof rule === "function") return rule;
  if (!Array.isArray(rule)) throw invalidOptionError(option, "a boolean, a list of origins or a function", rule);
  for (const origin of rule as readonly unknown[]) {
    if (typeof origin !== "string" || URL.parse(origin)?.origin !== origin) {
      throw invalidOptionError(option, 'a list of origins such as "https://shop.example"', origin);
    }
  }
  const origins = new Set(rule as readonly string[]);
  return (origin) => origins.has(origin);
}
