/** The invariants that every tool here holds a run against. The table of docs/verification.md is made of them. */
export const invariants = {
  "one-effect": "At most one effect of one key.",
  "same-answer": "Acknowledged once, the same answer ever after, until the retention ends.",
  "no-lost-effect": "No acknowledged effect is lost, and no effect is without a record.",
  "own-answer": "A key never answers for another scope or another request.",
  "every-key-ends": "Every key ends: done, released, or held and visible. Nothing hangs.",
  "half-way-is-finished":
    'A failure half-way is no last word where the work is to be finished (`onUnknown: "finish"`).',
  "unworked-claim-is-released": "A claim that was not confirmed, so that no work began, is taken back.",
  "late-owner-changes-nothing": "A worker that lost its key changes nothing any more.",
  "only-commits-are-published": "No message is published that is not committed.",
  "every-commit-is-published": "Every committed message is published, or parked and visible. None is skipped.",
  "commit-order":
    "Messages of one ordering key come to the broker, each for the first time, in the order of their commits.",
  "acknowledged-is-settled": "An acknowledged message is settled: its effect is there, or its dead letter.",
  "every-message-ends": "Every message ends: handled, a dead letter, or parked. Nothing hangs.",
} as const;

export type InvariantName = keyof typeof invariants;
