/** The rules of a history, by the names of docs/verification.md. */
export const historyRules = {
  "one-effect": "At most one effect of one key.",
  "same-answer": "Acknowledged once, the same answer ever after.",
  "own-answer": "A key never answers for another request.",
  "no-lost-effect": "No acknowledged effect is lost, and none happens that its caller believes has not.",
  "order-per-key": "The effects of a sequence come, each for the first time, in their order.",
} as const;

export type HistoryRule = keyof typeof historyRules;

/** The ways in which a history breaks its rules. The table of docs/guides/judging.md is made of it. */
export const violations = {
  "two-effects": { rule: "one-effect", by: "two effects of one key and name in the ledger" },
  "different-effects": {
    rule: "one-effect",
    by: "two successes that name different effects, with or without a ledger",
  },
  "different-responses": { rule: "same-answer", by: "two successes of one request with different responses" },
  "two-requests": { rule: "own-answer", by: "successes of two different requests under one key" },
  "unsent-request": { rule: "own-answer", by: "a success of a request that no caller sent" },
  "effect-of-another-request": {
    rule: "own-answer",
    by: "an effect of another request than the one that the success answers",
  },
  "effect-not-there": { rule: "no-lost-effect", by: "a success that names an effect that is not in the ledger" },
  "effect-denied": {
    rule: "no-lost-effect",
    by: "a success that says that it had no effect, where the ledger or another success has one",
  },
  "effect-without-a-request": { rule: "no-lost-effect", by: "an effect of a key under which no caller sent anything" },
  "effect-disbelieved": {
    rule: "no-lost-effect",
    by: "an effect after which each caller knows that nothing happened",
  },
  "position-too-late": {
    rule: "order-per-key",
    by: "in a group, a position that comes for the first time after a higher one; repeats may come at any time",
  },
} as const satisfies Readonly<Record<string, { readonly rule: HistoryRule; readonly by: string }>>;

export type Violation = keyof typeof violations;
