import { expect, test } from "vitest";
import { type ErrorCode, errorCodes } from "../core/error-codes.ts";
import { OnceAgainError } from "../core/errors.ts";
import { errorVerdict } from "./error-verdict.ts";

const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", syscall: "connect" });
const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET", syscall: "read" });

/** Everything that an error of ours may have as its cause. */
const causes: Record<string, unknown> = {
  "no cause": undefined,
  "a refused connection": refused,
  "fetch's refused connection": new TypeError("fetch failed", { cause: refused }),
  "a lost connection": reset,
  "exhausted attempts over a refused connection": new OnceAgainError("ONCE_ATTEMPTS_EXHAUSTED", "", {
    cause: refused,
    details: { noEffect: true },
  }),
  "a certificate": Object.assign(new Error("expired"), { code: "CERT_HAS_EXPIRED" }),
};

/** Those that are thrown before anything is sent, or that vouch for it. All the others leave a doubt. */
const noEffect: ReadonlySet<string> = new Set<ErrorCode>([
  "ONCE_ARGUMENTS_UNFIT",
  "ONCE_BODY_NOT_REPLAYABLE",
  "ONCE_BODY_TOO_LARGE",
  "ONCE_CIRCUIT_OPEN",
  "ONCE_INTENTION_UNDECIDED",
  "ONCE_INTENTS_FULL",
  "ONCE_MARK_AHEAD",
  "ONCE_MESSAGE_INVALID",
  "ONCE_MESSAGE_TOO_LARGE",
  "ONCE_INTENT_CONFLICT",
  "ONCE_INTENT_SECRET",
  "ONCE_KEY_INVALID",
  "ONCE_NO_EFFECT",
  "ONCE_QUEUE_FULL",
  "ONCE_QUOTA_EXCEEDED",
  "ONCE_THROTTLED",
]);

const gaveUp: ReadonlySet<string> = new Set<ErrorCode>([
  "ONCE_ATTEMPTS_EXHAUSTED",
  "ONCE_BUDGET_EXHAUSTED",
  "ONCE_DEADLINE_EXCEEDED",
  "ONCE_OUTCOME_UNKNOWN",
]);

const table = (Object.keys(errorCodes) as ErrorCode[]).flatMap((code) =>
  Object.keys(causes).map((cause): [ErrorCode, string] => [code, cause]),
);

test.each(table)("%s with %s is judged by its own row, however it is wrapped", (code, causeName) => {
  const cause = causes[causeName];
  const error = new OnceAgainError(code, "test", cause === undefined ? {} : { cause });
  const bare = errorVerdict(new OnceAgainError(code, "test"));
  expect(bare.delivery === "never").toBe(noEffect.has(code));
  expect(bare.gaveUp === true).toBe(gaveUp.has(code));
  const wrapped = [
    error,
    new TypeError("fetch failed", { cause: error }),
    Object.assign(new Error("connect ECONNREFUSED", { cause: error }), { code: "ECONNREFUSED", syscall: "connect" }),
    Object.assign(new Error("axios", { cause: error }), { code }),
    new Error("outer", { cause: new Error("inner", { cause: error }) }),
  ];
  for (const one of wrapped) expect(errorVerdict(one)).toEqual(bare);
});

test.each(Object.keys(errorCodes))("%s that has only its code left is judged by that", (code) => {
  const { delivery } = errorVerdict(new OnceAgainError(code as ErrorCode, "test"));
  expect(errorVerdict({ code, cause: refused }).delivery).toBe(delivery);
});

test("a call that gave up had no effect only where it says so itself", () => {
  for (const code of [...gaveUp] as ErrorCode[]) {
    const mayVouch = code !== "ONCE_OUTCOME_UNKNOWN";
    const vouching = new OnceAgainError(code, "test", { cause: reset, details: { noEffect: true } });
    expect(errorVerdict(vouching).delivery).toBe(mayVouch ? "never" : "unknown");
    const inner = new OnceAgainError(code, "test", { details: { noEffect: true } });
    // The outer one made more attempts than the inner one knows of.
    expect(errorVerdict(new OnceAgainError(code, "test", { cause: inner })).delivery).toBe("unknown");
    expect(errorVerdict(new OnceAgainError(code, "test", { details: { noEffect: "true" } })).delivery).toBe("unknown");
  }
});

test("of several failures one in doubt leaves all in doubt, and one that gave up says so", () => {
  const unknown = new OnceAgainError("ONCE_OUTCOME_UNKNOWN", "test", { cause: refused });
  expect(errorVerdict(new AggregateError([refused, unknown]))).toMatchObject({ delivery: "unknown", gaveUp: true });
  const open = new OnceAgainError("ONCE_CIRCUIT_OPEN", "test");
  expect(errorVerdict(new AggregateError([refused, open])).delivery).toBe("never");
});
