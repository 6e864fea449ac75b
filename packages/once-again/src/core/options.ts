import { ignoreRejection } from "./awaitable.ts";
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
 * Checks one value that is called later. A call of what is no function would fail in the middle of an operation, and look like a
 * failure of the network.
 *
 * @param expected what it must be, with what to write: `a function, such as () => fetch(url)`.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for anything but a function.
 */
export function requireFunction<Given>(name: string, expected: string, value: Given): Given {
  if (typeof value === "function") return value;
  throw invalidOptionError(name, expected, value);
}

/**
 * Checks one option that may be an object with this method, such as a clock or a signal.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for anything else.
 */
export function checkMethod<Given>(name: string, expected: string, value: Given, method: string): Given {
  const found = value as Readonly<Record<string, unknown>> | null | undefined;
  if (found === undefined || typeof found?.[method] === "function") return value;
  throw invalidOptionError(name, expected, value);
}

/**
 * Checks an object of another library, such as a meter, by a method that it has.
 *
 * @param expected what it must be, with what to write: `metrics.getMeter(name)`.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for anything without that method.
 */
export function requireMethod(name: string, expected: string, value: unknown, method: string): void {
  const given = value as Readonly<Record<string, unknown>> | null | undefined;
  if (typeof given?.[method] !== "function") throw invalidOptionError(name, expected, value);
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for anything but a clock, or nothing. */
export function checkClock<Given>(clock: Given): Given {
  return checkMethod("clock", "a Clock", clock, "monotonic");
}

/**
 * Checks one option that is `true` or `false`, or left out.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for anything else: also for a text, and for `null`.
 */
export function checkBoolean(name: string, value: unknown): void {
  if (value !== undefined) requireBoolean(name, value);
}

/**
 * Checks what a function of the user returned. The promise of an async one would pass for yes.
 *
 * @param name the function, as `isFailure()`.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` unless it is `true` or `false`.
 */
export function requireBoolean(name: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw invalidOptionError(name, "true or false", value);
}

/**
 * Checks a name that a function of the user returned. A promise would be written as "[object Promise]", one name for all.
 *
 * @param name the function, as `topic()`.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` unless it is a text.
 */
export function requireText(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw invalidOptionError(name, "a text", value);
}

/** The error for an option value that makes no sense, or for one that a function of the user returned. */
export function invalidOptionError(name: string, expected: string, value: unknown): OnceAgainError {
  ignoreRejection(value);
  const shown = shownValue(value);
  return new OnceAgainError("ONCE_OPTION_INVALID", `${name} must be ${expected}, but it is ${shown}.`, {
    details: { option: name },
  });
}

function shownValue(value: unknown): string {
  // The source of a function says less.
  if (typeof value === "function") return "a function";
  if (value instanceof Promise) return "a promise";
  if (Array.isArray(value)) return "a list";
  const text = typeof value === "string" ? JSON.stringify(value) : errorText(value);
  // The user of an address may have a password.
  const [start, end] = [text.indexOf("//"), text.lastIndexOf("@")];
  return start === -1 || end < start + 2 ? text : `${text.slice(0, start)}//***${text.slice(end)}`;
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
