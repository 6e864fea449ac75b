import { OnceAgainError } from "./errors.ts";
import {
  checkBoolean,
  checkFunction,
  checkNumber,
  invalidOptionError,
  nearestName,
  type NumberBounds,
} from "./options.ts";

/** The values of an option: `true`, any; it is checked where it is read. */
type OptionRule = true | "boolean" | "function" | NumberBounds;

/**
 * Every name that an options object may have, and the values of each; the compiler holds the names to the options' type, and
 * which of them are `true` or `false` alone, so that no such option goes unchecked.
 */
export type OptionNames<Options> = {
  readonly [Name in keyof Options]-?: RuleFor<NonNullable<Options[Name]>>;
};

type RuleFor<Value> = [Value] extends [boolean]
  ? "boolean"
  : [Value] extends [number]
    ? true | NumberBounds
    : [Value] extends [(...values: never) => unknown]
      ? true | "function"
      : true;

type OptionRules = Readonly<Record<string, OptionRule>>;

/**
 * Refuses unknown option names: a misspelt one would be ignored silently, and its default would hold. Also refuses a value that
 * an option doesn't take: `"no"` for a boolean one, from a form or the environment, would count as yes.
 *
 * @param reader the function that reads them, as the message names it.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, with the name that was probably meant.
 */
export function checkNames(reader: string, options: object, known: OptionRules): void {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw invalidOptionError(`${reader}'s options`, "an object", options);
  for (const name in options) {
    if (!Object.hasOwn(known, name)) throw unknownOption(reader, name, Object.keys(known));
    checkValue(name, (options as Readonly<Record<string, unknown>>)[name], known[name]!);
  }
}

function checkValue(name: string, value: unknown, rule: OptionRule): void {
  if (value === undefined || rule === true) return;
  if (rule === "boolean") checkBoolean(name, value);
  else if (rule === "function") checkFunction(name, value);
  else checkNumber(name, value, rule);
}

/**
 * Does the same for a group of options: errors name each by its path, as `limits.bodyBytesMax`.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function checkGroup(reader: string, group: string, options: object, known: OptionRules): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw invalidOptionError(group, "an object", options);
  }
  const withPaths = <Value>(named: Readonly<Record<string, Value>>): Record<string, Value> =>
    Object.fromEntries(Object.entries(named).map(([name, value]) => [`${group}.${name}`, value]));
  checkNames(reader, withPaths(options as Readonly<Record<string, unknown>>), withPaths(known));
}

/** Names of other readers' options, which were compared with ours before: most calls have the same few. */
const foreign = new Set<string>();

/**
 * Refuses a name that looks like one of `known`, in an object that others read, too, and that may have any other name.
 *
 * @param options without those of the known names.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, with the name that was probably meant.
 */
export function refuseMisspelt(reader: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    // A word of other libraries is theirs, and no mistake: node-fetch has a `timeout`.
    if (foreign.has(name) || Object.hasOwn(otherWords, name)) continue;
    if (nearestName(name, known) !== undefined) throw unknownOption(reader, name, known);
    if (foreign.size < 100) foreign.add(name);
  }
}

/** Of more options those that have these names. */
export function pickOptions<Options extends object>(options: Options, names: OptionNames<Options>): Options {
  const chosen = Object.keys(names).filter((name) => name in options) as (keyof Options)[];
  return Object.fromEntries(chosen.map((name) => [name, options[name]])) as Options;
}

/** Names that other libraries give to an option. */
const otherWords: Readonly<Record<string, string>> = {
  ttl: "retentionMs",
  ttlms: "retentionMs",
  retries: "attemptsMax",
  maxretries: "attemptsMax",
  maxattempts: "attemptsMax",
  timeout: "timeoutMs",
  deadline: "timeoutMs",
  deadlinems: "timeoutMs",
  base: "baseMs",
  cap: "capMs",
  threshold: "failureRatio",
};

function unknownOption(reader: string, name: string, known: readonly string[]): OnceAgainError {
  const suggestion = nearest(name.toLowerCase(), known);
  const advice = suggestion === undefined ? `Its options are ${known.join(", ")}.` : `Did you mean ${suggestion}?`;
  return new OnceAgainError("ONCE_OPTION_INVALID", `${reader} has no option ${JSON.stringify(name)}. ${advice}`, {
    details: { option: name },
  });
}

/** The name that was probably meant: another word for it, or one that looks like it. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const word = Object.hasOwn(otherWords, name) ? otherWords[name] : undefined;
  return word !== undefined && known.includes(word) ? word : nearestName(name, known);
}
