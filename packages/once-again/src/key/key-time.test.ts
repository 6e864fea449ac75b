import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { keyTime, makeKey } from "./key.ts";

test("the time of the UUIDv7 of RFC 9562, appendix A.6", () => {
  // Tuesday, February 22, 2022 2:22:22.00 PM GMT-05:00.
  const time = Date.parse("2022-02-22T14:22:22-05:00");
  expect(keyTime("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")).toBe(time);
  expect(keyTime("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")).toBe(time);
});

test("the time of the ULID of its specification", () => {
  // https://github.com/ulid/spec gives 01ARZ3NDEK TSV4RRFFQ69G5FAV as its example; ulid(1469918176385) begins so.
  expect(keyTime("01ARYZ6S41TSV4RRFFQ69G5FAV")).toBe(1_469_918_176_385);
  expect(keyTime("01aryz6s41tsv4rrffq69g5fav")).toBe(1_469_918_176_385);
  expect(keyTime("7ZZZZZZZZZZZZZZZZZZZZZZZZZ")).toBe(2 ** 48 - 1);
  // A number that was padded to 26 digits.
  expect(keyTime("00000000000000000000000042")).toBeUndefined();
});

test("a ULID is one from the first millisecond of 2016, the year in which they came up", () => {
  const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const ulidOf = (time: number): string => {
    let text = "";
    for (let rest = time; text.length < 10; rest = Math.floor(rest / 32)) text = `${digits[rest % 32]}${text}`;
    return text.padEnd(26, "0");
  };
  const first = Date.UTC(2016, 0);
  expect(keyTime(ulidOf(first))).toBe(first);
  expect(keyTime(ulidOf(first - 1))).toBeUndefined();
});

test("the time of a made key is the time it was made at", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (time) => {
      expect(keyTime(makeKey({ clock: fakeClock(time) }))).toBe(time);
    }),
  );
});

test("no other key has a time", () => {
  const others = [
    "",
    "order-7",
    "8e03978e-40d5-43dd-bc93-6894a57f9324",
    "017f22e2-79b0-6cc3-98c4-dc0c0c07398f",
    "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f",
    "017f22e279b07cc398c4dc0c0c07398f",
    " 017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
    "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "01ARYZ6S41TSV4RRFFQ69G5FA",
    "01ARYZ6S41TSV4RRFFQ69G5FAVX",
    "01ARYZ6S41TSV4RRFFQ69G5FAU",
  ];
  for (const key of others) expect(keyTime(key)).toBeUndefined();
});
