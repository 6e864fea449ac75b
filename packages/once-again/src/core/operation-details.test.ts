import { expect, test } from "vitest";
import { detailsLengthMax, encodeDetails, readDetails } from "./operation-details.ts";

test("details are read as they were written, and the reason with them", () => {
  const details = { label: "order 4711, 25.00 €", route: "POST /orders", worker: "shop-2/17", traceId: "a".repeat(32) };
  expect(readDetails(encodeDetails(details))).toEqual(details);
  expect(readDetails(encodeDetails({ ...details, reason: "time-out" }))).toEqual({ ...details, reason: "time-out" });
  expect(readDetails(encodeDetails({}))).toEqual({});
});

test("texts are cut to their lengths, and all of them fit into 4 KiB, whatever characters they have", () => {
  const long = (character: string) => character.repeat(5000);
  for (const character of ["a", "é", "€", "\u0000", '"', "\uD800", "😀"]) {
    const texts = { label: long(character), route: long(character), worker: long(character), traceId: long(character) };
    const bytes = encodeDetails({ ...texts, reason: "threw" });
    expect(bytes.length).toBeLessThanOrEqual(4096);
    const read = readDetails(bytes);
    expect(read?.label?.length).toBeLessThanOrEqual(detailsLengthMax.label);
    expect(read?.label?.endsWith("…")).toBe(true);
  }
  // No half of a pair is left before the mark.
  expect(readDetails(encodeDetails({ label: `a${long("😀")}` }))?.label).toMatch(/^a(?:😀)+…$/u);
});

test.each(["", "no JSON", "null", "7", '"text"', "[]"])(
  "bytes that are no details (%s) are read as none, or empty",
  (text) => {
    expect(readDetails(new TextEncoder().encode(text)) ?? {}).toEqual({});
  },
);

test("what is no text, and an unknown reason, is left out", () => {
  const bytes = new TextEncoder().encode('{"label":7,"route":"POST /","reason":"<b>","__proto__":{"worker":"w"}}');
  expect(readDetails(bytes)).toEqual({ route: "POST /" });
});
