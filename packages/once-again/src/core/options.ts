import { errorText } from "./error-text.ts";
import { OnceAgainError } from "./errors.ts";

/** The numbers that an option takes: from `min` to `max`, whole where asked. */
export interface NumberBounds {
  readonly min: number;
  readonly max?: number | undefined;
  readonly integer?: boolean | undefined;
}

/** Any number from 1, such as a time in milliseconds. */
export const fromOne: NumberBounds = { min: 1 };
/** A whole number from 1, such as a count. */
export const wholeFromOne: NumberBounds = { min: 1, integer: true };

/**
 * Checks one numeric option at the boundary.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` unless `value` is a number from `min` to `max`, whole where asked.
 */
export function checkNumber(name: string, value: unknown, bounds: NumberBounds): number {
  const max = bounds.max ?? Infinity;
  const fits = typeof value === "number" && value >= bounds.min && value <= max;
  if (fits && (!bounds.integer || Number.isInteger(value))) return value;
  const kind = bounds.integer ? "a whole number" : "a number";
  const range = bounds.max === undefined ? `of at least ${bounds.min}` : `from ${bounds.min} to ${bounds.max}`;
  throw invalidOptionError(name, `${kind} ${range}`, value);
}

/**
 * Checks one option that has a few named values.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` unless `value` is one of `choices`.
 */
export function checkChoice<Choice extends string | number | boolean>(
  name: string,
  value: Choice,
  choices: readonly Choice[],
): Choice {
  if (choices.includes(value)) return value;
  throw invalidOptionError(name, choices.map((choice) => JSON.stringify(choice)).join(" or "), value);
}

/**
 * Checks one option that may be a function.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for anything else.
 */
export function checkFunction<Given>(name: string, value: Given): Given {
  if (value === undefined || typeof value === "function") return value;
  throw invalidOptionError(name, "a function", value);
}

/**
 * Checks one option that is `true` or `false`, or left out.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for anything else: also for a text, and for `null`.
 */
export function checkBoolean(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean") throw invalidOptionError(name, "true or false", value);
}

/** The error for an option value that makes no sense. */
export function invalidOptionError(name: string, expected: string, value: unknown): OnceAgainError {
  const shown = shownValue(value);
  return new OnceAgainError("ONCE_OPTION_INVALID", `${name} must be ${expected}, but it is ${shown}.`, {
    details: { option: name },
  });
}

function shownValue(value: unknown): string {
  // The source of a function says less.
  if (typeof value === "function") return "a function";
  const text = typeof value === "string" ? JSON.stringify(value) : errorText(value);
  // The user of an address may have a password.
  return text.replace(/\/\/.*@/s, "//***@");
}

/**
 * The name that was probably meant by a misspelt one: that which the fewest letters make of it, in any case; `undefined`
 * when none is near.
 *
 * @example
 * ```ts
 * nearestName("retentoinMs", ["leaseMs", "retentionMs"]); // "retentionMs"
 * ```
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const distances = known.map((candidate) => distance(name.toLowerCase(), candidate.toLowerCase()));
  const least = Math.min(...distances);
  return least <= Math.max(2, name.length / 3) ? known[distances.indexOf(least)] : undefined;
}

/** How many letters have to be put in, taken out or changed (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let at = 0; at < one.length; at += 1) {
    const next = [at + 1];
    for (let to = 0; to < other.length; to += 1) {
      const changed = row[to]! + (one[at] === other[to] ? 0 : 1);
      next.push(Math.min(changed, row[to + 1]! + 1, next[to]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}
