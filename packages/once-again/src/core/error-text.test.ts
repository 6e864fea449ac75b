import { expect, test } from "vitest";
import { strangeErrors } from "../../../../test/support/strange-errors.ts";
import { errorText } from "./error-text.ts";

test("an error gives its message, and a value without one is written out", () => {
  expect(errorText(new Error("sold out"))).toBe("sold out");
  expect(errorText(new TypeError())).toBe("TypeError");
  expect(["text", undefined, null, 7].map(errorText)).toEqual(["text", "undefined", "null", "7"]);
});

test.for(Object.entries(strangeErrors))("it is a text, whatever was thrown: %s", ([, make]) => {
  expect(errorText(make())).toMatch(/./);
});
