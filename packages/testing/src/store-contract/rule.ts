import { AssertionError } from "node:assert/strict";
import { inspect, isDeepStrictEqual } from "node:util";

/** How long a message shows one text or list at most: results may be megabytes. */
const shownMax = 200;

/** @throws AssertionError that names the broken rule, unless the two hold the same. */
export function expectSame(actual: unknown, expected: unknown, rule: string): void {
  const [came, wanted] = [plain(actual), plain(expected)];
  if (!isDeepStrictEqual(came, wanted)) throw broken(rule, came, wanted);
}

/** @throws AssertionError, unless each property of `expected` is so in `actual`. */
export function expectLike(actual: object | undefined, expected: object, rule: string): void {
  const properties = (actual ?? {}) as Readonly<Record<string, unknown>>;
  const same = Object.entries(expected).every(([name, value]) =>
    isDeepStrictEqual(plain(properties[name]), plain(value)),
  );
  if (!same) throw broken(rule, plain(actual), plain(expected));
}

/** @throws AssertionError, unless it holds. */
export function expectThat(holds: boolean, rule: string, actual: unknown): asserts holds {
  if (!holds) throw broken(rule, plain(actual), undefined);
}

/** @throws AssertionError, unless the promise rejects with an error of this code. */
export async function expectRefused(asked: Promise<unknown>, code: string, rule: string): Promise<void> {
  const answer = await asked.catch((error: unknown) => ({ code: codeOf(error), error }));
  expectLike(answer as object, { code }, rule);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function broken(rule: string, actual: unknown, expected: unknown): AssertionError {
  const shown = (value: unknown): string =>
    inspect(value, { depth: 6, maxStringLength: shownMax, maxArrayLength: shownMax, breakLength: shownMax });
  const wanted = expected === undefined ? "" : `\n  expected: ${shown(expected)}`;
  return new AssertionError({ message: `${rule}.${wanted}\n  but came: ${shown(actual)}`, actual, expected });
}

/**
 * A value without what makes no difference here: whether bytes are a Buffer, and whether a property that is `undefined`
 * is there at all.
 */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null || value instanceof Error) return value;
  const properties = Object.entries(value).filter(([, property]) => property !== undefined);
  return Object.fromEntries(properties.map(([name, property]) => [name, plain(property)]));
}
