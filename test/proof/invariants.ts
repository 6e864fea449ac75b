/** What every tool here holds a run against (docs/verification.md). */
export const invariants = {
  "one-effect": "At most one effect of one key.",
  "same-answer": "Acknowledged once, the same answer ever after.",
  "no-lost-effect": "No acknowledged effect is lost, and no effect is without a record.",
  "own-answer": "A key never answers for another request.",
  "every-key-ends": "Every key ends: done, released, or held and visible. Nothing hangs.",
  "late-owner-changes-nothing": "A late owner changes nothing.",
} as const;

export type InvariantName = keyof typeof invariants;
