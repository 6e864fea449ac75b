import * as fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom } from "../core/random.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { formatKey, type KeyFormat, keyTime, makeKey, parseKey, readCallerKey } from "./key.ts";

const visible = Array.from({ length: 0x7e - 0x21 + 1 }, (_, index) => String.fromCharCode(0x21 + index));
const anyKey = fc.string({ unit: fc.constantFrom(...visible), minLength: 1, maxLength: 255 });
const bareKey = anyKey.filter((key) => !key.startsWith('"') && !key.includes(","));
const formats: KeyFormat[] = ["bare", "structured"];

const malformed = (...values: string[]): string | undefined => {
  const parsed = parseKey(values);
  return parsed.kind === "malformed" ? parsed.problem : undefined;
};

test("a key is a UUIDv7 of the time it was made at", () => {
  const key = makeKey({ clock: fakeClock(1_700_000_000_123) });
  expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(keyTime(key)).toBe(1_700_000_000_123);
});

test("keys made in the same millisecond differ", () => {
  const clock = fakeClock(1_700_000_000_123);
  expect(new Set(Array.from({ length: 10_000 }, () => makeKey({ clock }))).size).toBe(10_000);
  expect(makeKey()).not.toBe(makeKey());
});

test("with the same chance at the same time, the key is the same; with other chance, another", () => {
  const made = (seed: number): string => makeKey({ clock: fakeClock(7), random: seededRandom(seed) });
  expect(made(1)).toBe(made(1));
  expect(made(1)).not.toBe(made(2));
  expect(keyTime(made(1))).toBe(7);
});

test("what formatKey writes, parseKey reads", () => {
  fc.assert(
    fc.property(anyKey, bareKey, (key, bare) => {
      expect(parseKey([formatKey(key, "structured")])).toEqual({ kind: "key", key });
      expect(parseKey([formatKey(bare, "bare")])).toEqual({ kind: "key", key: bare });
    }),
  );
});

test("a key is the same quoted and bare, with white space around it and parameters behind it", () => {
  const key = "8e03978e-40d5-43dd-bc93-6894a57f9324";
  for (const value of [key, `"${key}"`, ` ${key} `, `\t"${key}" `, `"${key}";v=1`, `"${key}"; a; b="c"`]) {
    expect(parseKey([value])).toEqual({ kind: "key", key });
  }
  expect(parseKey([String.raw`"a\"b\\c"`])).toEqual({ kind: "key", key: String.raw`a"b\c` });
  expect(parseKey(['"a,b"'])).toEqual({ kind: "key", key: "a,b" });
});

test("a no-break space is no white space of HTTP, so it is not taken off a key", () => {
  for (const value of ["abc\u00a0", "\u00a0abc"]) {
    expect(malformed(value)).toBeDefined();
    expect(readCallerKey(value).kind).toBe("malformed");
  }
  expect(parseKey([" \tabc\t "])).toEqual({ kind: "key", key: "abc" });
});

test("no header is no key, which is not malformed", () => {
  expect(parseKey([])).toEqual({ kind: "missing" });
});

test("the error for a malformed header says why it is malformed", () => {
  expect(malformed("")).toBe("it is empty");
  expect(malformed("  ")).toBe("it is empty");
  expect(malformed('""')).toBe("it is empty");
  expect(malformed("a", "b")).toBe("the header is repeated");
  expect(malformed("a", "a")).toBe("the header is repeated");
  expect(malformed("a".repeat(256))).toBe("it has 256 characters, and 255 are allowed");
  expect(malformed(`"${"a".repeat(256)}"`)).toBe("it has 256 characters, and 255 are allowed");
  for (const value of ["a b", "ä", "a\u0000b", "a\u007f", "日本", '"a b"']) {
    expect(malformed(value)).toBe("it has a character that is not visible ASCII");
  }
  for (const value of ['"a', '"', String.raw`"a\"`, String.raw`"a\b"`, '"ä"', '"a"b', '"a" "b"']) {
    expect(malformed(value)).toBe("its quoted string is broken");
  }
});

test("a repeated header that something on the way joined is malformed", () => {
  expect(malformed("a,b")).toBe("it holds a comma");
  expect(malformed("a, b")).toBe("it has a character that is not visible ASCII");
  expect(malformed('"a", "b"')).toBe("its quoted string is broken");
  expect(malformed('a,"b"')).toBe("it holds a comma");
});

test("255 characters are a key", () => {
  const key = "a".repeat(255);
  for (const format of formats) expect(parseKey([formatKey(key, format)])).toEqual({ kind: "key", key });
});

test("parseKey takes any text without throwing, and never gives a key that could not be written", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string({ unit: "binary" }), fc.string()), { maxLength: 2 }), (values) => {
      const parsed = parseKey(values);
      if (parsed.kind === "key") {
        expect(parseKey([formatKey(parsed.key, "structured")])).toEqual(parsed);
      }
    }),
  );
});

test("a key that can't be read back is not written", () => {
  for (const format of formats) {
    for (const key of ["", "a b", "ä", "a\nb", "a".repeat(256)]) {
      expect(() => formatKey(key, format)).toThrow(expect.objectContaining({ code: "ONCE_KEY_INVALID" }));
    }
  }
  for (const key of ['"a"', '"', "a,b"]) {
    expect(() => formatKey(key, "bare")).toThrow(expect.objectContaining({ code: "ONCE_KEY_INVALID" }));
  }
});

test("a caller's key is read as a server reads it, which alone reads the parameters", () => {
  const header = fc.string({ unit: fc.constantFrom('"', "\\", "a", ";", "=", ",", " ", "ä", "\u0000"), maxLength: 8 });
  fc.assert(
    fc.property(
      fc.oneof(
        header,
        header.map((text) => `"${text}"`),
        anyKey,
      ),
      (value) => {
        const parsed = parseKey([value]);
        if (parsed.kind === "key" || !value.includes(";")) expect(readCallerKey(value)).toEqual(parsed);
      },
    ),
    { numRuns: 5000 },
  );
  expect(readCallerKey('"a";v=1')).toEqual({ kind: "key", key: "a" });
  expect(readCallerKey(String.raw`"a\"b\\c"`)).toEqual({ kind: "key", key: String.raw`a"b\c` });
  expect(readCallerKey('"a"b')).toEqual({ kind: "malformed", problem: "its quoted string is broken" });
  const problem = "it has 256 characters, and 255 are allowed";
  expect(readCallerKey("a".repeat(256))).toEqual({ kind: "malformed", problem });
});
