import * as fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson } from "./fingerprint.ts";

/** RFC 8785 of a value, by what JavaScript writes of its parts. */
function canonicalOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalOf).join(",")}]`;
  const members = new Map(Object.entries(value));
  const written = [...members.keys()]
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${canonicalOf(members.get(name))}`);
  return `{${written.join(",")}}`;
}

const hardTexts = [
  'a:"b"',
  "\\",
  '\\"',
  '\\\\":',
  "1e999",
  "\u2028",
  "{",
  "",
  "\u0000",
  "__proto__",
  "10",
  "2",
  "a",
  "a ",
  "😀",
];
const text = fc.oneof(fc.constantFrom(...hardTexts), fc.string({ unit: "grapheme" }));
const number = fc.oneof(
  fc.double({ min: -1e300, max: 1e300, noNaN: true }),
  fc.integer(),
  fc.constantFrom(-0, 1e21, 1e-7),
);
const json = fc.letrec((tie) => ({
  value: fc.oneof(text, number, fc.boolean(), fc.constant(null), tie("list"), tie("object")),
  list: fc.array(tie("value"), { maxLength: 4 }),
  object: fc.dictionary(text, tie("value"), { maxKeys: 5 }),
})).value;

test("every value gets its canonical form, however its text is laid out", () => {
  fc.assert(
    fc.property(json, fc.constantFrom("", " ", "\t", "\r\n"), (value, space) => {
      expect(canonicalJson(JSON.stringify(value, null, space))).toBe(canonicalOf(value));
    }),
    { numRuns: 1000 },
  );
});

test("what is no JSON has no form, and what has one is JSON", () => {
  const part = fc.constantFrom(
    ..."{}[]\",:019.eE+-\\ntu \u0000\u00a0\ufeff/'x",
    '"a"',
    '"a":1',
    '"b":[]',
    "-0",
    "0.10",
    "1e5",
    "null",
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const written = parts.join("");
      let canonical: string;
      try {
        canonical = canonicalJson(written);
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError);
        return;
      }
      expect(canonical).toBe(canonicalOf(JSON.parse(written)));
    }),
    { numRuns: 5000 },
  );
});

test.each([
  "",
  " ",
  "1 1",
  "01",
  "-",
  "-01",
  "1.",
  ".5",
  "+1",
  "1e",
  "1e+",
  "nul",
  "nulll",
  "[1,]",
  "[,1]",
  "[1",
  "]",
  "1]",
])("%j is no JSON", (written) => expect(() => canonicalJson(written)).toThrow(SyntaxError));

test.each([
  '"',
  '"\\',
  '"\\x"',
  '"\\u00"',
  '"\t"',
  "{",
  '{"a":1,}',
  "{,}",
  "{a:1}",
  '{"a" 1}',
  '{"a"}',
  "{1:1}",
  "'a'",
  "\u00a01",
])("%j is no JSON either", (written) => expect(() => canonicalJson(written)).toThrow(SyntaxError));

test.each([
  ['{"b":1,"a":{"d":[],"c":{}}}', '{"a":{"c":{},"d":[]},"b":1}'],
  ['{"10":1,"2":2,"1":3}', '{"1":3,"10":1,"2":2}'],
  ['{"a!":1,"a ":2,"a\\"":3,"a":4}', '{"a":4,"a ":2,"a!":1,"a\\"":3}'],
  ['{"\\u20ac":1,"\\r":2,"\\ufb33":3,"1":4,"\\ud83d\\ude00":5}', '{"\\r":2,"1":4,"€":1,"😀":5,"\ufb33":3}'],
  ['"\\u0061\\/\\u001F"', '"a/\\u001f"'],
  ["-0", "0"],
  ["[1.0,100e-2,1E3,-1,0]", "[1,1,1000,-1,0]"],
])("%s is written as %s", (written, canonical) => expect(canonicalJson(written)).toBe(canonical));

test("half a character has no form, in a text or in a name", () => {
  expect(() => canonicalJson('"\\ud83d"')).toThrow(SyntaxError);
  expect(() => canonicalJson('{"\\ude00":1}')).toThrow(SyntaxError);
});

test("a name that stands twice in one object has no form, written out or escaped", () => {
  for (const written of ['{"a":1,"a":2}', '[{"b":{"a":1,"c":2,"a":1}}]', String.raw`[{"a":1,"\u0061":2},{"a":3}]`]) {
    expect(() => canonicalJson(written)).toThrow(SyntaxError);
  }
  expect(canonicalJson('[{"a":1},{"a":{"a":2}}]')).toBe('[{"a":1},{"a":{"a":2}}]');
});

test("a name with escapes is no other name, whatever was read before it", () => {
  // JSON.parse of V8 13 takes it for the name of one backslash that it has just seen there.
  for (let times = 0; times < 3; times += 1) canonicalJson(String.raw`{"{":1,"\\":2}`);
  expect(canonicalJson(String.raw`{"{":1,"\u0000":2}`)).toBe(String.raw`{"\u0000":2,"{":1}`);
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
])("a double represents the number %s exactly: %s, alone or among others", (source, isExact) => {
  for (const written of [source, ` [1,${source}]`, `{"a":${source},"b":1}`, `[${source} , 2]`]) {
    const canonical = (): string => canonicalJson(written);
    if (isExact) expect(canonical()).toBe(canonicalOf(JSON.parse(written)));
    else expect(canonical).toThrow(SyntaxError);
  }
  expect(canonicalJson(`["${source}"]`)).toBe(`["${source}"]`);
});
