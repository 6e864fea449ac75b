import { expect, test } from "vitest";
import type { Decision, Outcome } from "../retry/index.ts";
import { decideOn, failureOf, leavesFateUnknown } from "./retry-rule.ts";

/** What is decided on an outcome: `done`, `retry`, or why it stops. */
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
  ["503, Retry-After", "retry", "retry", answer(503, retryAfter)],
  ["503, Retry-After malformed", "retry", "unsafe", answer(503, { "Retry-After": "soon" })],
  ["504", "retry", "unsafe", answer(504)],
  ["520", "retry", "unsafe", answer(520)],
])("%s: %s when repeatable, %s otherwise", (_name, repeatable, otherwise, outcome) => {
  expect(decided(outcome, true)).toBe(repeatable);
  expect(decided(outcome, false)).toBe(otherwise);
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

test("the fate is open until a refusal, or an answer that is kept", () => {
  const fateUnknown = (outcome: Outcome<Response>): boolean | undefined => {
    const failure = failureOf(outcome, 0);
    return failure && leavesFateUnknown(failure);
  };
  const open = [408, 500, 501, 502, 503, 504, 520].map((status) => answer(status));
  for (const outcome of [...open, error("ECONNRESET"), answer(409, retryAfter)])
    expect(fateUnknown(outcome)).toBe(true);
  const refused = [400, 401, 404, 409, 421, 422, 425, 429].map((status) => answer(status));
  for (const outcome of [...refused, error("ECONNREFUSED"), answer(503, retryAfter)]) {
    expect(fateUnknown(outcome)).toBe(false);
  }
  expect(fateUnknown(error("UND_ERR_RES_CONTENT_LENGTH_MISMATCH"))).toBe(true);
  expect(fateUnknown(answer(504, { "Idempotent-Replayed": "true" }))).toBe(false);
});
