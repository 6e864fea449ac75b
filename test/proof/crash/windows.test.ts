import { describe, expect, test } from "vitest";
import type { ApiEntry, CallerEntry, Evidence, Step } from "./evidence.ts";
import { type CriticalWindow, windowHits, windowsOf } from "./windows.ts";

const order = "acme/order-1";
const attempt = "one";
const [apiLife, callerLife] = ["api-1.1", "caller-1.1"];
const none: Evidence = {
  mode: "hold",
  leaseMs: 1000,
  api: [],
  callers: [],
  ledger: [],
  done: new Set(),
  deaths: [],
  pauses: [],
  operations: [],
  completionsCut: 0,
  completionsLost: 0,
  claimsThrottled: 0,
  resultsThrottled: 0,
};
const killed = [apiLife, callerLife].map((life) => ({ life, at: 99 }));
const inLedger = [{ effect: "e", order, life: apiLife }];

const received: ApiEntry = { at: 1, life: apiLife, order, event: "received", attempt, framework: "node" };
const answered: ApiEntry = { at: 9, life: apiLife, order, event: "answered", attempt, status: 201 };
/** The entries of an API process that came so far with the order. */
const upTo = (...events: readonly (Step | "failed" | "turned-away" | "refused")[]): ApiEntry[] => [
  received,
  ...events.map((event, index): ApiEntry => ({ at: 2 + index, life: apiLife, order, event })),
];
const sent: CallerEntry = { at: 0, life: callerLife, order, event: "sent", attempt };
const gotAnswer = (status: number): CallerEntry => ({
  at: 10,
  life: callerLife,
  order,
  event: "answered",
  attempt,
  status,
  text: "",
});

/** The windows that were hit, with how often. */
function hits(found: Partial<Evidence>): Partial<Record<CriticalWindow, number>> {
  return Object.fromEntries([...windowHits({ ...none, ...found })].filter(([, count]) => count > 0));
}

describe("an API process that is killed", () => {
  const whole = ["asked", "granted", "effect", "completing", "completed"] as const;
  const done = new Set([order]);
  const cases: [string, Partial<Evidence>, CriticalWindow | undefined][] = [
    ["before the claim", { api: upTo() }, undefined],
    ["while it claims", { api: upTo("asked") }, "API killed before its claim was answered"],
    ["with its claim", { api: upTo("asked", "granted") }, "API killed between claim and effect"],
    [
      "before its diary had the effect",
      { api: upTo("asked", "granted"), ledger: inLedger },
      "API killed between effect and completion",
    ],
    [
      "with its effect",
      { api: upTo(...whole.slice(0, 3)), ledger: inLedger },
      "API killed between effect and completion",
    ],
    [
      "with a completion that was not executed",
      { api: upTo(...whole.slice(0, 4)), ledger: inLedger },
      "API killed between effect and completion",
    ],
    [
      "with a completion that was",
      { api: upTo(...whole.slice(0, 4)), ledger: inLedger, done },
      "API killed between completion and answer",
    ],
    [
      "with a commit, where another process completed it afterwards",
      { mode: "transactional", api: upTo("asked", "granted", "completing"), done },
      "API killed between claim and effect",
    ],
    ["before its answer", { api: upTo(...whole), ledger: inLedger, done }, "API killed between completion and answer"],
    ["after its answer", { api: [...upTo(...whole), answered], ledger: inLedger, done }, undefined],
    ["turned away", { api: upTo("asked", "turned-away") }, undefined],
    [
      "while it worked, and a repeat was in progress",
      { api: [...upTo("asked", "granted"), { ...answered, status: 409 }] },
      "API killed between claim and effect",
    ],
  ];
  test.for(cases)("%s", ([, found, window]) => {
    expect(hits({ ...found, deaths: killed })).toEqual(window === undefined ? {} : { [window]: 1 });
  });

  test("and not killed, hits nothing", () => {
    for (const [, found] of cases) expect(hits(found)).toEqual({});
  });
});

describe("a caller that is killed", () => {
  test("has sent, when its request was received", () => {
    expect(hits({ callers: [sent], api: [received], deaths: killed })).toEqual({
      "caller killed between sending and the answer": 1,
    });
    expect(hits({ callers: [sent], deaths: killed })).toEqual({});
  });

  test("has its answer, and has not stored it", () => {
    const window = { "caller killed between the answer and keeping it": 1 };
    expect(hits({ callers: [sent, gotAnswer(201)], api: [received], deaths: killed })).toEqual(window);
    expect(hits({ callers: [sent, gotAnswer(503)], api: [received], deaths: killed })).toEqual({});
    const stored: CallerEntry = { at: 11, life: callerLife, order, event: "stored" };
    expect(hits({ callers: [sent, gotAnswer(201), stored], api: [received], deaths: killed })).toEqual({});
  });
});

test("standing still counts where it is longer than a lease, and something was under way", () => {
  const found = { callers: [sent], api: upTo("asked", "granted") };
  const pauses = (ms: number) => [apiLife, callerLife].map((life) => ({ life, from: 5, until: 5 + ms }));
  expect(hits({ ...found, pauses: pauses(1200) })).toEqual({
    "API stood still past its lease in the midst of an operation": 1,
    "caller stood still past its lease between sending and the answer": 1,
  });
  expect(hits({ ...found, pauses: pauses(900) })).toEqual({});
  const ended = { callers: [sent, { ...gotAnswer(201), at: 4 }], api: upTo("asked", "granted", "turned-away") };
  expect(hits({ ...ended, pauses: pauses(1200) })).toEqual({});
});

test("an answer is lost on the wire when the API gave it away and its caller lost it", () => {
  const lost: CallerEntry = { at: 12, life: callerLife, order, event: "lost", attempt };
  const done = new Set([order]);
  const api = [...upTo("asked", "granted", "effect", "completing", "completed"), answered];
  expect(hits({ api, done, callers: [sent, lost] })).toEqual({ "answer lost on the wire": 1 });
  expect(hits({ api, done, callers: [sent, gotAnswer(201)] })).toEqual({});
  expect(hits({ api: [received], callers: [sent, lost] })).toEqual({});
});

test("a database is gone where a step is followed by a failure, or by the same once more", () => {
  expect(hits({ api: upTo("asked", "failed", "asked", "granted") })).toEqual({
    "database gone when a claim was asked for": 1,
  });
  const completing = ["asked", "granted", "effect", "completing"] as const;
  for (const next of ["failed", "granted", "turned-away"] as const) {
    expect(hits({ api: upTo(...completing, next) })).toEqual({
      "database gone when a result was to be stored": 1,
      ...(next === "granted" && { "transaction run again": 1 }),
    });
  }
  expect(hits({ api: upTo(...completing, "refused") })).toEqual({});
  expect(hits({ completionsCut: 2, completionsLost: 1 })).toEqual({
    "completion executed, its answer cut": 2,
    "completion cut before it was executed": 1,
  });
  expect(hits({ claimsThrottled: 2, resultsThrottled: 1 })).toEqual({
    "throttled when a claim was asked for": 2,
    "throttled when a result was to be stored": 1,
  });
});

test("a fault of operators counts where operations were under way in the lives that it was done to, and where they failed", () => {
  const [from, until] = [2, 5];
  const lock = { name: "table-lock", from, until };
  const key = "table-lock: operations were under way";
  expect(hits({ api: upTo("asked", "granted"), operations: [lock] })).toEqual({ [key]: 1 });
  expect(hits({ api: upTo("asked", "granted"), operations: [{ ...lock, lives: ["api-2.1"] }] })).toEqual({});
  expect(hits({ api: upTo("asked", "granted"), operations: [{ ...lock, from: 4 }] })).toEqual({ [key]: 1 });
  expect(hits({ api: upTo("asked", "turned-away"), operations: [{ ...lock, from: 4 }] })).toEqual({});
  expect(hits({ api: upTo("asked", "granted", "failed"), operations: [{ ...lock, name: "read-only" }] })).toEqual({
    "read-only: operations were under way": 1,
    "read-only: operations failed": 1,
  });
  expect(windowsOf("hold", false, { operations: ["read-only", "table-lock"] }).slice(-3)).toEqual([
    "read-only: operations were under way",
    "read-only: operations failed",
    key,
  ]);
});

test("a service that throttles has to refuse a claim and a result", () => {
  const windows = windowsOf("hold", true, { operations: ["throttled-requests"] });
  expect(windows).toEqual(
    expect.arrayContaining(["throttled when a claim was asked for", "throttled when a result was to be stored"]),
  );
  expect(windowsOf("hold", true).filter((window) => window.startsWith("throttled"))).toEqual([]);
});

test("two versions have met when one is asked for a key that the other was asked for first", () => {
  const of = (life: string, at: number): ApiEntry => ({ at, life, order, event: "asked" });
  const metBy = (...api: ApiEntry[]) => hits({ api, otherVersion: "api-1" });
  expect(metBy(of("api-2.1", 2), of("api-1.3", 1))).toEqual({ "this version met a key of the other": 1 });
  expect(metBy(of("api-1.1", 2), of("api-2.1", 1))).toEqual({ "the other version met a key of this one": 1 });
  expect(metBy(of("api-1.1", 1), of("api-1.2", 2))).toEqual({});
  expect(hits({ api: [of("api-1.1", 1), of("api-2.1", 2)] })).toEqual({});
});

test("a run without a server can't lose it", () => {
  for (const mode of ["hold", "transactional"] as const) {
    const without = windowsOf(mode, false);
    expect(without.filter((window) => /^(database|completion|transaction)/.test(window))).toEqual([]);
    expect(windowsOf(mode, true)).toEqual(expect.arrayContaining(without));
  }
  expect(windowsOf("transactional", true)).toContain("transaction run again");
  expect(windowsOf("hold", true)).not.toContain("transaction run again");
  expect(windowsOf("transactional", true, { runsAgain: false })).not.toContain("transaction run again");
});
