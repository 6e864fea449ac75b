import { describe, expect, test } from "vitest";
import { OnceAgainError } from "../core/errors.ts";
import { decideAfterSending, hadNoEffect, overdueOutcome, type SendingEnd } from "./retry-or-end.ts";

/** Decides about an intent that goes to a server which is known to honour keys. */
const decide = (end: SendingEnd, inDoubt: boolean, nowMs: number) =>
  decideAfterSending(end, { inDoubt, isRepeatable: true }, nowMs);
const answered = (status: number, ...headers: [string, string][]) => ({
  answer: { status, headers, body: new Uint8Array(), truncated: false },
  redirected: false,
  isForeign: false,
  isLasting: false,
});
const redirectedTo = (status: number) => ({ ...answered(status), redirected: true });
const replayed: [string, string] = ["idempotent-replayed", "true"];
const refused = { error: Object.assign(new Error("connect"), { code: "ECONNREFUSED" }) };
const reset = { error: Object.assign(new Error("reset"), { code: "ECONNRESET" }) };
const badCertificate = { error: Object.assign(new Error("expired"), { code: "CERT_HAS_EXPIRED" }) };

describe("what becomes of an intent", () => {
  test.for([200, 201, 204, 303])("%d: it is done, in doubt or not", (status) => {
    const end = answered(status);
    expect(decide(end, false, 0)).toEqual({ action: "end", outcome: { state: "done", answer: end.answer } });
    expect(decide(end, true, 0)).toMatchObject({ outcome: { state: "done" } });
  });

  test.for([400, 403, 404, 409, 412, 422])("%d: a refusal proves that nothing happened, unless in doubt", (status) => {
    const end = answered(status);
    expect(decide(end, false, 0)).toEqual({
      action: "end",
      outcome: { state: "failed", why: "answered", answer: end.answer },
    });
    expect(decide(end, true, 0)).toMatchObject({ outcome: { state: "unknown", why: "answered" } });
    expect(decide(answered(status, replayed), true, 0)).toMatchObject({ outcome: { state: "failed" } });
  });

  test.for([401, 403, 404, 409, 422, 503])("%d after a redirect: another request's answer proves nothing", (status) => {
    expect(hadNoEffect(redirectedTo(status), 0)).toBe(false);
    expect(decide(redirectedTo(status), false, 0)).not.toMatchObject({ outcome: { state: "failed" } });
    expect(decide(redirectedTo(404), false, 0)).toMatchObject({
      outcome: { state: "unknown", why: "answered" },
    });
  });

  test("another request's success is asked again at a server that honours keys, and is unknown elsewhere", () => {
    const signIn = { ...redirectedTo(200), isForeign: true };
    const unknown = { action: "end", outcome: { state: "unknown", why: "answered", answer: signIn.answer } };
    for (const inDoubt of [true, false]) {
      expect(decide(signIn, inDoubt, 0)).toEqual({ action: "postpone", delayMsMin: 0 });
      expect(decideAfterSending(signIn, { inDoubt, isRepeatable: false }, 0)).toEqual(unknown);
      expect(decide({ ...signIn, isLasting: true }, inDoubt, 0)).toEqual(unknown);
    }
    expect(hadNoEffect(signIn, 0)).toBe(false);
  });

  test("a replayed 5xx is the end, and proves nothing", () => {
    for (const inDoubt of [true, false]) {
      expect(decide(answered(500, replayed), inDoubt, 0)).toMatchObject({ outcome: { state: "unknown" } });
    }
    expect(decide(answered(501), false, 0)).toMatchObject({ outcome: { state: "unknown" } });
  });

  test.for([408, 425, 429, 500, 502, 503, 504])("%d: it is sent again later", (status) => {
    expect(decide(answered(status), false, 0)).toEqual({ action: "postpone", delayMsMin: 0 });
    expect(decide(answered(status, ["retry-after", "7"]), true, 0)).toEqual({
      action: "postpone",
      delayMsMin: 7000,
    });
  });

  test("one in progress is sent again; so is one with refused credentials, since those change", () => {
    expect(decide(answered(409, ["retry-after", "1"]), true, 0)).toEqual({
      action: "postpone",
      delayMsMin: 1000,
    });
    expect(decide(answered(401), true, 0)).toEqual({ action: "postpone", delayMsMin: 0 });
    expect(decide(answered(407), false, 0)).toEqual({ action: "postpone", delayMsMin: 0 });
  });

  test("an error that may pass is waited out; one that can't pass ends it, unless in doubt", () => {
    for (const end of [refused, reset]) expect(decide(end, false, 0)).toEqual({ action: "postpone", delayMsMin: 0 });
    expect(decide(badCertificate, false, 0)).toEqual({
      action: "end",
      outcome: { state: "failed", why: "unsendable" },
    });
    expect(decide(badCertificate, true, 0)).toMatchObject({ action: "postpone" });
  });

  test("who gave up below, after failures that pass, is asked again", () => {
    for (const code of ["ONCE_ATTEMPTS_EXHAUSTED", "ONCE_BUDGET_EXHAUSTED", "ONCE_OUTCOME_UNKNOWN"] as const) {
      const gaveUp = new OnceAgainError(code, "gave up", { cause: refused.error });
      for (const error of [gaveUp, new TypeError("fetch failed", { cause: gaveUp })]) {
        expect(decide({ error }, false, 0)).toMatchObject({ action: "postpone" });
      }
    }
  });

  test("the time that an error names is waited for", () => {
    const error = new OnceAgainError("ONCE_DEADLINE_EXCEEDED", "", { details: { retryAt: 5000 } });
    expect(decide({ error }, false, 2000)).toEqual({ action: "postpone", delayMsMin: 3000 });
    expect(decide({ error }, false, 9000)).toEqual({ action: "postpone", delayMsMin: 0 });
  });

  test("when its time is over it failed if nothing can have happened, and is unknown otherwise", () => {
    expect(overdueOutcome(false)).toEqual({ state: "failed", why: "time" });
    expect(overdueOutcome(true)).toEqual({ state: "unknown", why: "time" });
  });
});

describe("what an attempt proves", () => {
  test("it had no effect when it never arrived, or was refused", () => {
    expect(hadNoEffect(refused, 0)).toBe(true);
    for (const status of [400, 401, 404, 409, 422, 425, 429]) expect(hadNoEffect(answered(status), 0)).toBe(true);
  });

  test("it may have had one when its answer was lost, is late, is another's or says that it is going on", () => {
    expect(hadNoEffect(reset, 0)).toBe(false);
    expect(hadNoEffect(answered(503, ["retry-after", "1"]), 0)).toBe(false);
    for (const status of [201, 303, 408, 500, 502, 503]) expect(hadNoEffect(answered(status), 0)).toBe(false);
    expect(hadNoEffect(answered(409, ["retry-after", "1"]), 0)).toBe(false);
  });
});
