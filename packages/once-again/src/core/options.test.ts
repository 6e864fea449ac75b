import * as fc from "fast-check";
import { expect, test } from "vitest";
import { OnceAgainError } from "./errors.ts";
import { checkChoice, checkNumber, invalidOptionError, nearestName } from "./options.ts";

test("a number within its bounds comes back as it is", () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(), fc.nat(), (min, above, more) => {
      const value = min + above;
      expect(checkNumber("n", value, { min, max: value + more, integer: true })).toBe(value);
      expect(checkNumber("n", value, { min })).toBe(value);
    }),
  );
  expect(checkNumber("n", 0.5, { min: 0 })).toBe(0.5);
  expect(checkNumber("n", Infinity, { min: 0 })).toBe(Infinity);
});

test("everything else is refused, and the message says what would do", () => {
  const refused: [unknown, { min: number; max?: number; integer?: boolean }, string][] = [
    [-1, { min: 0 }, "leaseMs must be a number of at least 0, but it is -1."],
    [11, { min: 0, max: 10 }, "leaseMs must be a number from 0 to 10, but it is 11."],
    [1.5, { min: 0, integer: true }, "leaseMs must be a whole number of at least 0, but it is 1.5."],
    [NaN, { min: 0 }, "leaseMs must be a number of at least 0, but it is NaN."],
    [Infinity, { min: 0, integer: true }, "leaseMs must be a whole number of at least 0, but it is Infinity."],
    ["5", { min: 0 }, 'leaseMs must be a number of at least 0, but it is "5".'],
    [null, { min: 0 }, "leaseMs must be a number of at least 0, but it is null."],
    [{}, { min: 0 }, "leaseMs must be a number of at least 0, but it is [object Object]."],
  ];
  for (const [value, bounds, message] of refused) {
    const check = (): number => checkNumber("leaseMs", value, bounds);
    expect(check).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID", message }));
  }
});

test("a choice is one of the named values", () => {
  expect(checkChoice("status", 409, [409, 422])).toBe(409);
  expect(() => checkChoice("mode", "leasd" as "leased", ["leased", "transactional"])).toThrow(
    'mode must be "leased" or "transactional", but it is "leasd".',
  );
});

test("the error names its option", () => {
  const error = invalidOptionError("scope", "a function", undefined);
  expect(OnceAgainError.isInstance(error, "ONCE_OPTION_INVALID")).toBe(true);
  expect(error.details).toEqual({ option: "scope" });
});

test.each([
  ["retentoinMs", "retentionMs"],
  ["LEASEMS", "leaseMs"],
  ["leaseMs", "leaseMs"],
  ["lease", "leaseMs"],
  ["colour", undefined],
  ["", undefined],
])("by %s was meant %s", (name, meant) => {
  expect(nearestName(name, ["leaseMs", "retentionMs"])).toBe(meant);
});

test("where there are no names none was meant", () => {
  expect(nearestName("leaseMs", [])).toBeUndefined();
});
