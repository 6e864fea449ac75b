import { expect, test } from "vitest";
import { OnceAgainError } from "./errors.ts";

test("an error has its code, message, cause and details", () => {
  const cause = new Error("below");
  const error = new OnceAgainError("ONCE_OPTION_INVALID", "Say it right.", { cause, details: { option: "leaseMs" } });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: "OnceAgainError", code: "ONCE_OPTION_INVALID", message: "Say it right." });
  expect(error.cause).toBe(cause);
  expect(error.details).toEqual({ option: "leaseMs" });
});

test("an error made without a cause has no cause, and its details are empty", () => {
  const error = new OnceAgainError("ONCE_CLOSED", "Closed.");
  expect("cause" in error).toBe(false);
  expect(error.details).toEqual({});
  expect("cause" in new OnceAgainError("ONCE_CLOSED", "Closed.", { cause: undefined })).toBe(true);
});

test("an error of another installed copy is known by its brand", () => {
  const foreign = Object.assign(new Error("from the other copy"), { code: "ONCE_CLOSED" });
  expect(OnceAgainError.isInstance(foreign)).toBe(false);
  Object.defineProperty(foreign, Symbol.for("once-again.error"), { value: true });
  expect(foreign).not.toBeInstanceOf(OnceAgainError);
  expect(OnceAgainError.isInstance(foreign)).toBe(true);
  expect(OnceAgainError.isInstance(foreign, "ONCE_CLOSED")).toBe(true);
  expect(OnceAgainError.isInstance(foreign, "ONCE_KEY_REUSED")).toBe(false);
});

test("nothing else is one of ours", () => {
  for (const value of [undefined, null, "ONCE_CLOSED", 7, {}, new Error("x"), { code: "ONCE_CLOSED" }, () => 0]) {
    expect(OnceAgainError.isInstance(value)).toBe(false);
  }
});

test("the brand does not show when an error is printed or copied", () => {
  const error = new OnceAgainError("ONCE_CLOSED", "Closed.");
  expect(Object.getOwnPropertySymbols({ ...error })).toEqual([]);
});
