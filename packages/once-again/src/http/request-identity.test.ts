import { expect, test } from "vitest";
import { created, leasedRoute as route, never } from "../../../../test/support/leased-route.ts";
import { oneRetryAfter } from "../../../../test/support/retry-after.ts";

const objectOf = (value: unknown): string => String(value);

test.each([
  ["that throws", () => Promise.reject(new Error("directory down"))],
  ["that returns nothing", () => undefined as unknown as string],
  ["that returns a number", () => 7 as unknown as string],
  ["that returns half a character", () => "\ud800"],
  ["that returns no character", () => ""],
  ["that returns white space", () => " \t "],
  ["that makes a text of a missing header", () => objectOf(undefined)],
  ["that makes a text of a missing header, with a space", () => `${objectOf(undefined)} `],
  ["that makes a text of null", () => objectOf(null)],
  ["that makes a text of NaN", () => objectOf(Number("x"))],
  ["that makes a text of an object", () => objectOf({ id: 7 })],
])("of a scope function %s, nothing runs, since the request's scope is unknown", async (_, scope) => {
  const { post, errors, store } = route({ scope });
  expect(await post({}, never)).toMatchObject({ status: 503, code: "ONCE_NO_EFFECT", retryAfter: oneRetryAfter });
  expect(errors).toHaveLength(1);
  expect(store.asked).toEqual([]);
});

test("the error for the service's operator says which values the scope function should return", async () => {
  const { post, errors } = route({ scope: () => "undefined" });
  await post({}, never);
  expect(String(errors[0])).toMatch(/returned "undefined".*Return the id of the account.*answer 401/);
});

test("a name that only looks like one of those is a caller's", async () => {
  for (const account of ["Undefined", "nullable", "0", "object", "public"]) {
    expect(await route().post({ account })).toMatchObject({ status: 201 });
  }
});

test("a scope has up to 1024 bytes as a store writes them; a longer one is no matter of coming back", async () => {
  for (const [fits, tooLong] of [
    ["a".repeat(1024), "a".repeat(1025)],
    ["ä".repeat(512), "ä".repeat(513)],
    ["\u0000".repeat(170), "\u0000".repeat(171)],
  ] as const) {
    const { post, errors, store } = route();
    expect((await post({ account: fits })).status).toBe(created.status);
    const asked = store.asked.length;
    expect(await post({ account: tooLong }, never)).toMatchObject({
      status: 500,
      code: "ONCE_OPTION_INVALID",
      retryAfter: undefined,
    });
    expect(errors).toEqual([expect.objectContaining({ code: "ONCE_OPTION_INVALID" })]);
    expect(store.asked).toHaveLength(asked);
  }
});
