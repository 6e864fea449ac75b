import { expect, test } from "vitest";
import { OnceAgainError } from "../../core/errors.ts";
import { isFailureByDefault, judge } from "./failure-predicate.ts";

test("by default an error, 429 and whatever is from 500 on speaks against the server", () => {
  const judged = (status: unknown) => isFailureByDefault({ value: { status } });
  for (const status of [200, 400, 428, 430, 499, "500", undefined]) expect(judged(status), String(status)).toBe(false);
  for (const status of [429, 500, 501, 599]) expect(judged(status), String(status)).toBe(true);
  for (const value of [undefined, null, "fine", 500]) expect(isFailureByDefault({ value })).toBe(false);
  expect(isFailureByDefault({ error: undefined })).toBe(true);
});

const attempt = (signal: AbortSignal) => ({ number: 1, remainingMs: undefined, signal });
const live = attempt(new AbortController().signal);
const aborted = attempt(AbortSignal.abort());

test("an answer that came though the caller had aborted is the server's, and an error then says nothing", () => {
  expect(judge({ value: { status: 200 } }, aborted, isFailureByDefault)).toBe(false);
  expect(judge({ value: { status: 500 } }, aborted, isFailureByDefault)).toBe(true);
  expect(judge({ error: new Error("fault") }, aborted, isFailureByDefault)).toBeUndefined();
  expect(judge({ error: new Error("fault") }, live, isFailureByDefault)).toBe(true);
});

test.each(["ONCE_CIRCUIT_OPEN", "ONCE_THROTTLED", "ONCE_QUEUE_FULL"] as const)(
  "%s says nothing of the server",
  (code) => {
    expect(judge({ error: new OnceAgainError(code, "held back") }, live, isFailureByDefault)).toBeUndefined();
  },
);
