import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { jsonProblem } from "./json-problem.ts";

class Receipt {
  readonly id = 7;
}
class Rows extends Array {}

const part: Record<string, unknown> = {};
const cycle = { part };
part["whole"] = cycle;
const deep = Array.from({ length: 600 }).reduce<unknown>((inner) => [inner], 1);

test.each<[unknown, string]>([
  [undefined, "it is undefined"],
  [[1, undefined], "it[1] is undefined"],
  [Number.NaN, "it is NaN"],
  [{ amount: Infinity }, "it.amount is Infinity"],
  [{ amount: 7n }, "it.amount is a bigint"],
  [{ next: () => 1 }, "it.next is a function"],
  [{ toJSON: () => 1 }, "it.toJSON is a function"],
  [Symbol("a"), "it is a symbol"],
  [{ [Symbol("a")]: 1 }, "it has a member that is named by a symbol"],
  [{ at: new Date(0) }, "it.at is an instance of Date"],
  [runInNewContext("new Date()"), "it is an instance of Date"],
  [new Map([[1, 2]]), "it is an instance of Map"],
  [new Set([1]), "it is an instance of Set"],
  [Buffer.from("a"), "it is an instance of Buffer"],
  [new Receipt(), "it is an instance of Receipt"],
  [new Rows(1), "it is an instance of Rows"],
  [new Error("a"), "it is an instance of Error"],
  [Promise.resolve(1), "it is an instance of Promise"],
  [Object.create({ inherited: 1 }), "it is an instance of Object"],
  [Object("text"), "it is an instance of String"],
  // oxlint-disable-next-line no-sparse-arrays -- A hole would come back as null.
  [[1, , 2], "it is an array with holes, or with more than items"],
  [Object.assign([1], { count: 1 }), "it is an array with holes, or with more than items"],
  [cycle, "it.part.whole is part of itself"],
  [deep, "it is nested deeper than 500 levels"],
])("%o is not what JSON gives back: %s", (value, problem) => {
  expect(jsonProblem(value, "it")).toBe(problem);
});

test("rows without a prototype, values of another realm, and one object in two places are what JSON gives back", () => {
  const shared = { a: 1 };
  for (const value of [
    Object.assign(Object.create(null), { a: 1 }),
    runInNewContext("({ a: [1, { b: 2 }] })"),
    [shared, shared],
    { note: undefined },
    null,
  ]) {
    expect(jsonProblem(value, "it")).toBeUndefined();
  }
});

test("a value that passes comes back equal, and any other is refused", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withSparseArray: true,
  });
  fc.assert(
    fc.property(anything, (value) => {
      if (jsonProblem(value, "it") !== undefined) return;
      // Two differences are none: a member that is undefined, and the sign of 0.
      expect(JSON.parse(JSON.stringify(value), (_, part: unknown) => part)).toEqual(withoutSign(value));
    }),
    { numRuns: 2000 },
  );
});

function withoutSign(value: unknown): unknown {
  if (Object.is(value, -0)) return 0;
  if (Array.isArray(value)) return value.map(withoutSign);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, withoutSign(part)]));
}
