import { expect, test } from "vitest";
import type { ErrorCode } from "../core/error-codes.ts";
import { OnceAgainError } from "../core/errors.ts";
import type { Decision } from "../retry/index.ts";
import type { Outcome } from "../retry/attempt.ts";
import { decideOn, failureOf, mayHaveHappened, provesNoEffect } from "./should-retry.ts";

/** The decision on an outcome: `done`, `retry`, or why it stops. */
function decided(outcome: Outcome<Response>, repeatable: boolean): string {
  const failure = failureOf(outcome, 0);
  const decision: Decision = failure === undefined ? { action: "done" } : decideOn(failure, repeatable);
  return decision.action === "stop" ? decision.why : decision.action;
}

const answer = (status: number, headers: Record<string, string> = {}): Outcome<Response> => {
  return { value: new Response(null, { status, headers }) };
};
const error = (code: string): Outcome<Response> => ({ error: Object.assign(new Error(code), { code }) });
const retryAfter = { "Retry-After": "1" };
const replayed = { "Idempotent-Replayed": "true" };

test.each<[name: string, repeatable: string, otherwise: string, outcome: Outcome<Response>]>([
  ["200", "done", "done", answer(200)],
  ["303", "done", "done", answer(303)],
  ["never, transient", "retry", "retry", error("ECONNREFUSED")],
  ["never, permanent", "permanent", "permanent", error("CERT_HAS_EXPIRED")],
  ["unknown", "retry", "unsafe", error("ECONNRESET")],
  ["unlisted", "retry", "unsafe", error("EWHATEVER")],
  ["body broken", "retry", "unsafe", error("UND_ERR_BODY_TIMEOUT")],
  ["404", "permanent", "permanent", answer(404)],
  ["408", "retry", "unsafe", answer(408)],
  ["409", "permanent", "permanent", answer(409)],
  ["409, Retry-After", "retry", "unsafe", answer(409, retryAfter)],
  ["412", "permanent", "permanent", answer(412)],
  ["421", "permanent", "permanent", answer(421)],
  ["422", "permanent", "permanent", answer(422, retryAfter)],
  ["425", "retry", "retry", answer(425)],
  ["429", "retry", "retry", answer(429)],
  ["429, Retry-After", "retry", "retry", answer(429, retryAfter)],
  ["500", "retry", "unsafe", answer(500)],
  ["500, replayed", "replayed", "replayed", answer(500, replayed)],
  ["501", "permanent", "permanent", answer(501)],
  ["502", "retry", "unsafe", answer(502)],
  ["503", "retry", "unsafe", answer(503)],
  ["503, Retry-After", "retry", "unsafe", answer(503, retryAfter)],
  ["502, Retry-After", "retry", "unsafe", answer(502, retryAfter)],
  ["500, Retry-After", "retry", "unsafe", answer(500, retryAfter)],
  ["504, Retry-After", "retry", "unsafe", answer(504, retryAfter)],
  ["503, Retry-After malformed", "retry", "unsafe", answer(503, { "Retry-After": "soon" })],
  ["504", "retry", "unsafe", answer(504)],
  ["520", "retry", "unsafe", answer(520)],
])("%s: %s when repeatable, %s otherwise", (_name, repeatable, otherwise, outcome) => {
  expect(decided(outcome, true)).toBe(repeatable);
  expect(decided(outcome, false)).toBe(otherwise);
});

test.each<[name: string, repeatable: string, otherwise: string, outcome: Outcome<Response>]>([
  ["400, true", "retry", "retry", answer(400, { "X-Should-Retry": "true" })],
  ["500, true", "retry", "unsafe", answer(500, { "X-Should-Retry": "true" })],
  ["503, false", "permanent", "permanent", answer(503, { "X-Should-Retry": "false" })],
  ["429, false", "permanent", "permanent", answer(429, { "X-Should-Retry": "false" })],
  ["200, true", "done", "done", answer(200, { "X-Should-Retry": "true" })],
  ["500, replayed, true", "replayed", "replayed", answer(500, { ...replayed, "X-Should-Retry": "true" })],
  ["404, nonsense", "permanent", "permanent", answer(404, { "X-Should-Retry": "yes" })],
  ["503, nonsense", "retry", "unsafe", answer(503, { "X-Should-Retry": "constructor" })],
])("X-Should-Retry, %s: %s when repeatable, %s otherwise", (_name, repeatable, otherwise, outcome) => {
  expect(decided(outcome, true)).toBe(repeatable);
  expect(decided(outcome, false)).toBe(otherwise);
});

test("X-Should-Retry says nothing of whether an attempt had an effect", () => {
  const provesNothing = (outcome: Outcome<Response>): boolean => !provesNoEffect(failureOf(outcome, 0)!);
  for (const advice of ["true", "false"]) {
    expect(provesNothing(answer(409, { ...retryAfter, "X-Should-Retry": advice }))).toBe(true);
    expect(provesNothing(answer(500, { "X-Should-Retry": advice }))).toBe(true);
  }
});

test("Retry-After becomes the least delay", () => {
  const failure = failureOf(answer(503, { "Retry-After": "7" }), 0);
  expect(failure && decideOn(failure, true)).toMatchObject({ action: "retry", delayMsMin: 7000, why: "status 503" });
});

test("after a redirect no answer proves that the first request had no effect", () => {
  const response = new Response(null, { status: 429 });
  Object.defineProperty(response, "redirected", { value: true });
  expect(decided({ value: response }, false)).toBe("unsafe");
  expect(decided({ value: response }, true)).toBe("retry");
});

test("the outcome is open until a refusal, or a response that is stored", () => {
  const isOpen = (outcome: Outcome<Response>): boolean | undefined => {
    const failure = failureOf(outcome, 0);
    return failure && mayHaveHappened(failure);
  };
  const open = [408, 500, 501, 502, 503, 504, 520].map((status) => answer(status));
  for (const outcome of [...open, error("ECONNRESET"), answer(409, retryAfter)]) expect(isOpen(outcome)).toBe(true);
  const refused = [400, 401, 404, 409, 421, 422, 425, 429].map((status) => answer(status));
  for (const outcome of [...refused, error("ECONNREFUSED")]) expect(isOpen(outcome)).toBe(false);
  expect(isOpen(answer(503, retryAfter))).toBe(true);
  expect(isOpen(error("UND_ERR_RES_CONTENT_LENGTH_MISMATCH"))).toBe(true);
  expect(isOpen(answer(504, { "Idempotent-Replayed": "true" }))).toBe(false);
});

test("a 503 with Retry-After proves that nothing happened where it is trusted, and no other 5xx ever does", () => {
  for (const status of [500, 501, 502, 503, 504, 520]) {
    const failure = failureOf(answer(status, retryAfter), 0, true);
    expect(failure && mayHaveHappened(failure), `status ${status}`).toBe(status !== 503);
    const untrusted = failureOf(answer(status, retryAfter), 0);
    expect(untrusted && mayHaveHappened(untrusted)).toBe(true);
  }
  const bare = failureOf(answer(503), 0, true);
  expect(bare && mayHaveHappened(bare)).toBe(true);
});

test("an answer that a client throws as an error is judged as that answer", () => {
  const thrown = (status: number, headers: Record<string, string> = {}): Outcome<Response> => {
    return {
      error: Object.assign(new Error("Response Error"), { code: "UND_ERR_RESPONSE", statusCode: status, headers }),
    };
  };
  expect(decided(thrown(400), true)).toBe("permanent");
  expect(decided(thrown(429), false)).toBe("retry");
  expect(decided(thrown(500), true)).toBe("retry");
  expect(decided(thrown(500), false)).toBe("unsafe");
  expect(decided(thrown(500, { "idempotent-replayed": "true" }), true)).toBe("replayed");
  const failure = failureOf(thrown(429, { "retry-after": "7" }), 0);
  expect(failure && decideOn(failure, true)).toMatchObject({ delayMsMin: 7000, kind: "throttled" });
  expect(failure && mayHaveHappened(failure)).toBe(false);
});

test("a retry inside that gave up is not tried again, whatever it gave up over", () => {
  const gaveUp = ["ONCE_ATTEMPTS_EXHAUSTED", "ONCE_BUDGET_EXHAUSTED", "ONCE_DEADLINE_EXCEEDED", "ONCE_OUTCOME_UNKNOWN"];
  for (const code of gaveUp) {
    for (const repeatable of [true, false]) {
      expect(decided({ error: new OnceAgainError(code as ErrorCode, "test") }, repeatable)).toBe("gave-up");
      const noEffect = new OnceAgainError(code as ErrorCode, "test", { details: { noEffect: true } });
      expect(decided({ error: new TypeError("fetch failed", { cause: noEffect }) }, repeatable)).toBe("gave-up");
    }
  }
});

test("a foreign conflict may be an own attempt still under way, while one is in doubt", () => {
  const conflict = (headers = {}): string => {
    const failure = failureOf(answer(409, headers), 0);
    const { action } = decideOn(failure!, true, true);
    return action;
  };
  expect(conflict()).toBe("retry");
  expect(conflict({ "content-type": "application/problem+json" })).toBe("stop");
  expect(decided(answer(409), true)).toBe("permanent");
});

test("what budgets are charged for: an attempt that was turned away costs less than one that failed", () => {
  const kindOf = (outcome: Outcome<Response>): unknown => {
    const decision = decideOn(failureOf(outcome, 0)!, true);
    return decision.action === "retry" ? decision.kind : decision.action;
  };
  for (const turnedAway of [answer(429), answer(503, retryAfter)]) expect(kindOf(turnedAway)).toBe("throttled");
  for (const failed of [answer(503), answer(500, retryAfter), error("ECONNRESET")]) {
    expect(kindOf(failed)).toBe("transient");
  }
});
