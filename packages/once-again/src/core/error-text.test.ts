import { expect, test } from "vitest";
import { strangeErrors } from "../../../../test/support/strange-errors.ts";
import { errorText, textWithCauses } from "./error-text.ts";

test("an error gives its message, and a value without one is written out", () => {
  expect(errorText(new Error("sold out"))).toBe("sold out");
  expect(errorText(new TypeError())).toBe("TypeError");
  expect(["text", undefined, null, 7].map(errorText)).toEqual(["text", "undefined", "null", "7"]);
});

test.for(Object.entries(strangeErrors))("it is a text, whatever was thrown: %s", ([, make]) => {
  expect(errorText(make())).toMatch(/./);
  expect(textWithCauses(make())).toMatch(/./);
  expect(textWithCauses(new Error("outer", { cause: make() }))).toMatch(/^outer/);
});

test("causes that say more than the error stand behind it, with their codes or names", () => {
  const forbidden = Object.assign(new Error("not authorized to perform: sqs:SendMessage"), { name: "AccessDenied" });
  const outer = new Error("AWS did not confirm the message.", { cause: forbidden });
  expect(textWithCauses(outer)).toBe(
    "AWS did not confirm the message. | cause: AccessDenied: not authorized to perform: sqs:SendMessage",
  );
  const refused = Object.assign(new Error("connect ECONNREFUSED ::1:5672"), { code: "ECONNREFUSED", cause: outer });
  expect(textWithCauses(new Error("away", { cause: refused }))).toMatch(
    /^away \| cause: ECONNREFUSED: connect .* \| cause: Error: AWS .* \| cause: AccessDenied: /,
  );
  const same = new Error("Redis won't take it: WRONGTYPE", { cause: new Error("WRONGTYPE") });
  expect(textWithCauses(same)).toBe("Redis won't take it: WRONGTYPE");
  const round = new Error("round");
  round.cause = round;
  expect(textWithCauses(round)).toBe("round");
});
