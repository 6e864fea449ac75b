import { z } from "zod";
import { nearestName } from "once-again/internal";
import { readDuration } from "once-again/internal/command";

/**
 * One value of a configuration.
 *
 * @param expected completes "it must be …".
 * @param read returns the value, or undefined for an invalid one.
 */
export function value<Value>(expected: string, read: (given: unknown) => Value | undefined): z.ZodType<Value> {
  return z.unknown().transform((given, context) => {
    const found = read(given);
    if (found !== undefined) return found;
    context.issues.push({ code: "custom", message: expected, input: given });
    return z.NEVER;
  });
}

/**
 * As `value`, for what has more to say of a text than what is expected.
 *
 * @param read throws an Error with a sentence as its message, which may not show a secret.
 */
export function explained<Value>(expected: string, read: (given: string) => Value): z.ZodType<Value> {
  return z.unknown().transform((given, context) => {
    if (typeof given !== "string") {
      context.issues.push({ code: "custom", message: expected, input: given });
      return z.NEVER;
    }
    try {
      return read(given);
    } catch (error) {
      const { message } = error as Error;
      context.issues.push({ code: "custom", message, input: given, params: { isSentence: true } });
      return z.NEVER;
    }
  });
}

/** A mapping of settings. An unknown name is a separate problem, with the name that was probably meant. */
export function settings<Shape extends z.ZodRawShape>(
  expected: string,
  shape: Shape,
): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys" ? issue.keys.map((name) => unknownName(name, known)).join("\n") : expected,
  });
}

/** A value that is checked by a schema chosen for it. */
export function dependent<Value>(choose: (given: unknown) => z.ZodType<Value>): z.ZodType<Value> {
  return z.unknown().transform((given, context) => {
    const result = choose(given).safeParse(given, { reportInput: true });
    if (result.success) return result.data;
    context.issues.push(...(result.error.issues as z.core.$ZodRawIssue[]));
    return z.NEVER;
  });
}

function unknownName(name: string, known: readonly string[]): string {
  const meant = nearestName(name, known);
  const advice = meant === undefined ? `Its settings are ${known.join(", ")}.` : `Did you mean ${meant}?`;
  return `has no setting ${JSON.stringify(name)}. ${advice}`;
}

export const text = (expected: string): z.ZodType<string> =>
  value(expected, (given) => (typeof given === "string" && given.trim() !== "" ? given : undefined));

export const oneOf = <Choice extends string | number>(...choices: readonly Choice[]): z.ZodType<Choice> =>
  value(choices.map((choice) => JSON.stringify(choice)).join(" or "), (given) =>
    choices.find((choice) => choice === given || (typeof choice === "number" && choice === readNumber(given))),
  );

/** @param bounds milliseconds. */
export function duration(example: string, bounds: { readonly min: number; readonly max?: number }): z.ZodType<number> {
  const { min, max = Number.MAX_SAFE_INTEGER } = bounds;
  return value(`a length of time such as ${example}`, (given) => {
    const ms = typeof given === "string" ? readDuration(given) : undefined;
    return ms !== undefined && Number.isSafeInteger(ms) && ms >= min && ms <= max ? ms : undefined;
  });
}

const sizeUnits: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1_048_576, GiB: 1_073_741_824 };

/** A number of bytes: `64KiB`, `1MiB`. */
export function size(min: number): z.ZodType<number> {
  return value(`a size such as 64KiB or 1MiB, ${min} bytes at least`, (given) => {
    const [, count, unit] = /^(\d+(?:\.\d+)?) ?(B|KiB|MiB|GiB)$/.exec(typeof given === "string" ? given : "") ?? [];
    const bytes = Number(count) * (sizeUnits[unit ?? ""] ?? Number.NaN);
    return Number.isSafeInteger(bytes) && bytes >= min ? bytes : undefined;
  });
}

export const wholeNumber = (min: number, max: number): z.ZodType<number> =>
  value(`a whole number from ${min} to ${max}`, (given) => {
    const number = readNumber(given);
    return number !== undefined && number >= min && number <= max ? number : undefined;
  });

/** A whole number, or the digits of one: a variable's value is a text. */
export function readNumber(given: unknown): number | undefined {
  const number = typeof given === "string" && /^\d{1,16}$/.test(given) ? Number(given) : given;
  return Number.isSafeInteger(number) ? (number as number) : undefined;
}

/** A truth value, or the name of one: a variable's value is a text. */
export const truth: z.ZodType<boolean> = value("true or false", (given) =>
  [true, false].find((one) => given === one || given === String(one)),
);

/** A list of at least one; one alone may stand without its list. */
export function list<Value>(expected: string, item: z.ZodType<Value>): z.ZodType<Value[]> {
  const none = value<Value[]>(expected, () => undefined);
  return dependent<Value[]>((given) => {
    if (Array.isArray(given) && given.length > 0) return z.array(item);
    return given === undefined || typeof given === "object" ? none : item.transform((one) => [one]);
  });
}

/** A URL without user and password. */
export const httpUrl = (expected: string): z.ZodType<URL> =>
  value(expected, (given) => {
    const url = typeof given === "string" ? URL.parse(given) : null;
    const isHttp = url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
    return isHttp && url.hash === "" ? url : undefined;
  });

const headerToken = /^[\w!#$%&'*+.^`|~-]+$/;

/** The name of a header, none of those that belong to a connection. */
export const headerName: z.ZodType<string> = value("the name of a header", (given) =>
  typeof given === "string" && headerToken.test(given) && !connectionHeaders.has(given.toLowerCase())
    ? given
    : undefined,
);

const connectionHeaders: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
