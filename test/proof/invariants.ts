/** The invariants that every tool here holds a run against (docs/verification.md). */
export const invariants = {
  "one-effect": "At most one effect of one key.",
  "same-answer": "Acknowledged once, the same answer ever after.",
  "no-lost-effect": "No acknowledged effect is lost, and no effect is without a record.",
  "own-answer": "A key never answers for another request.",
  "every-key-ends": "Every key ends: done, released, or held and visible. Nothing hangs.",
  "half-way-is-finished": "What failed half-way is no last word, where it is to be finished.",
  "unworked-claim-is-released": "A claim that was not confirmed, so that no work began, is taken back.",
  "late-owner-changes-nothing": "A late owner changes nothing.",
  "only-commits-are-published": "Nothing is published that is not committed.",
  "every-commit-is-published": "Every committed message is published, or parked and visible; none is skipped.",
  "commit-order": "Messages of one ordering key come for the first time in the order of their commits.",
  "acknowledged-is-settled": "What is acknowledged is settled: its effect is there, or its dead letter.",
  "every-message-ends": "Every message ends: handled, a dead letter, or parked. Nothing hangs.",
} as const;

export type InvariantName = keyof typeof invariants;
