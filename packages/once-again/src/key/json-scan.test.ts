import * as fc from "fast-check";
import { expect, test } from "vitest";
import { scanJson } from "./json-scan.ts";

/** How many members a value has, at every depth. */
function membersOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const members = Object.values(value);
  const own = Array.isArray(value) ? 0 : members.length;
  return members.reduce<number>((sum, member) => sum + membersOf(member), own);
}

test("every member is counted, whatever is in the strings and however the text is laid out", () => {
  const hard = fc.constantFrom('a:"b"', "\\", '\\"', '\\\\":', "1e999", "\u2028", "{", "");
  const value = fc.letrec((tie) => ({
    value: fc.oneof(hard, fc.double({ noNaN: true, noDefaultInfinity: true }), tie("list"), tie("object")),
    list: fc.array(tie("value"), { maxLength: 3 }),
    object: fc.dictionary(fc.oneof(hard, fc.string()), tie("value"), { maxKeys: 3 }),
  })).value;
  fc.assert(
    fc.property(value, fc.constantFrom("", " ", "\t", "\r\n"), (json, space) => {
      expect(scanJson(JSON.stringify(json, null, space)).members).toBe(membersOf(json));
    }),
  );
});

test("a name that stands twice in one object counts twice, written out or escaped", () => {
  expect(scanJson('{"a":1,"a":2}').members).toBe(2);
  expect(scanJson(String.raw`[{"a":1,"\u0061":2},{"a":3}]`).members).toBe(3);
});

test.each([
  ["999999999999999", true],
  ["-999999999999999", true],
  ["9007199254740992", true],
  ["9007199254740993", false],
  ["1234567890123456", true],
  ["0.1", true],
  ["0.30000000000000004", true],
  ["0.1000000000000000055", false],
  ["1.0000000000000", true],
  ["0.000000000000001", true],
  ["0000", true],
  ["1e2", true],
  ["1.5E+10", true],
  ["2e-7", true],
  ["1e300", true],
  ["1.1e301", false],
  ["1e400", false],
  ["1e-300", true],
  ["10e-302", false],
  ["5e-324", true],
  ["4e-324", false],
  ["0e999", true],
])("the number %s is kept by a double: %s, alone or among others", (number, isExact) => {
  for (const text of [number, ` [1,${number}]`, `{"a":${number},"b":1}`, `[${number} , 2]`]) {
    expect(scanJson(text).isExact).toBe(isExact);
  }
  expect(scanJson(`["${number}"]`).isExact).toBe(true);
});

test("one number that is not kept is enough, wherever it stands", () => {
  for (const text of ["[9007199254740993,0.30000000000000004]", "[0.30000000000000004,9007199254740993,1e5]"]) {
    expect(scanJson(text).isExact).toBe(false);
  }
});
