import { expect, test } from "vitest";
import {
  type CallFacts,
  type CallState,
  callState,
  decideAttempt,
  recordSending,
  unknownOutcome,
} from "./call-state.ts";
import { safeRepeats, unsafeRepeats } from "./repeats.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { type Failure, failureOf } from "./should-retry.ts";

const keyed: CallFacts = { method: "POST", key: "order-17", repeats: safeRepeats, isNested: false };
const unkeyed: CallFacts = { method: "POST", key: undefined, repeats: unsafeRepeats, isNested: false };
const lost = failureOf<Response>({ error: Object.assign(new Error("lost"), { code: "ECONNRESET" }) }, 0);
const answered = (status: number, headers?: Record<string, string>): Failure<Response> | undefined =>
  failureOf({ value: new Response(null, { status, ...(headers && { headers }) }) }, 0);

/** The state of a call after attempts that ended so. */
function after(facts: CallFacts, ...failures: (Failure<Response> | undefined)[]): CallState<Response> {
  const call = callState<Response>(facts);
  failures.forEach((failure) => {
    const status = failure?.response?.status;
    decideAttempt(call, { status, failure, wasSent: true, isRetryWanted: undefined });
  });
  return call;
}

const byResponse = { by: "response", cause: undefined } as const;
const byError = { by: "error", cause: "the cause" } as const;

test.each([
  ["after a lost answer and a refusal, which may come from who never looked", [lost, answered(404)], true],
  ["after a lost answer and a success", [lost, undefined], false],
  ["after a lost answer and its replay", [lost, answered(422, { "idempotent-replayed": "true" })], false],
  ["after a refusal", [answered(404)], false],
  ["after a 500", [answered(500)], true],
])("a keyed call %s: in doubt is %s", (_, failures, isUnknown) => {
  expect(unknownOutcome(after(keyed, ...failures), byResponse, fakeClock(0)) !== undefined).toBe(isUnknown);
});

test("after an error every call is in doubt of which an attempt may have been executed, except one of a safe method", () => {
  expect(unknownOutcome(after(unkeyed, lost), byError, fakeClock(0))).toMatchObject({
    code: "ONCE_OUTCOME_UNKNOWN",
    cause: "the cause",
    details: { attempts: 1, key: undefined, status: undefined },
  });
  expect(
    unknownOutcome(after({ ...unkeyed, method: "GET", repeats: safeRepeats }, lost), byError, fakeClock(0)),
  ).toBeUndefined();
  expect(unknownOutcome(after(keyed, answered(404)), byError, fakeClock(0))).toBeUndefined();
});

test("inside another attempt, a keyed call fails with its error as it is, and one without a key with the doubt", () => {
  expect(unknownOutcome(after({ ...keyed, isNested: true }, lost), byError, fakeClock(0))).toBeUndefined();
  expect(unknownOutcome(after({ ...unkeyed, isNested: true }, lost), byError, fakeClock(0))).toBeDefined();
});

test("a sending that a layer did not show counts, and the error says when to ask again", () => {
  const call = callState<Response>(keyed);
  recordSending(call, lost);
  const failure = answered(429, { "retry-after": "7" });
  const decision = decideAttempt(call, { status: 429, failure, wasSent: true, isRetryWanted: undefined });
  expect(decision).toMatchObject({ action: "retry", noEffect: false, free: false });
  expect(unknownOutcome(call, byResponse, fakeClock(1000))).toMatchObject({ details: { status: 429, retryAt: 8000 } });
});

test("a call within another's attempt is not tried again by itself", () => {
  const end = { attempt: 1, status: 503, failure: answered(503), wasSent: true, isRetryWanted: true };
  expect(decideAttempt(callState({ ...keyed, isNested: true }), end)).toEqual({ action: "stop", why: "nested" });
  expect(decideAttempt(callState(keyed), end)).toMatchObject({ action: "retry" });
});
