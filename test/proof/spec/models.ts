import type { InvariantName } from "../invariants.ts";

/** A property of a model: an invariant, or a claim that something can't be reached, which must fail. */
export type Property = InvariantName | `reach: ${string}`;

/** One way to run a model of spec/: with these definitions, these properties hold, or the one named is violated. */
export interface ModelRun {
  readonly model: "key" | "transaction" | "outbox" | "inbox";
  /** Given to spin by -D. */
  readonly definitions: readonly string[];
  /** The guard that is taken out; missing: none. */
  readonly without?: string;
  readonly holds: readonly InvariantName[];
  /** The properties that must be violated: by the guard that is missing, or by what has to be reachable. */
  readonly fails: readonly Property[];
}

const safe = ["one-effect", "same-answer", "no-lost-effect", "late-owner-changes-nothing"] as const;

/** A variant without one guard, and the property that must find it out. */
const without = (
  model: ModelRun["model"],
  guard: string,
  fails: InvariantName,
  definitions: readonly string[] = [],
): ModelRun => ({ model, definitions: [...definitions, `NO_${guard}`], without: guard, holds: [], fails: [fails] });

/** Faults are bounded where something has to happen in the end, and where their number would make a model large. */
const bounded = "BOUNDED=2";

/**
 * The definitions with which relays replay a model of the outbox; missing where they can't. Without a key a real relay claims all that is
 * free at once. A model in which no lease ends only has fewer steps.
 */
export function replayedOutbox({ definitions, without: guard }: ModelRun): string[] | undefined {
  if (definitions.includes("KEYLESS") || guard === "O6_LEASE_ENDS") return undefined;
  return [...definitions.filter((one) => one !== bounded), "BOUNDED=1", "WALKS"];
}

export const modelRuns: readonly ModelRun[] = [
  {
    model: "key",
    definitions: [],
    holds: safe,
    fails: ["reach: replay", "reach: held", "reach: late owner", "reach: late call"],
  },
  { model: "key", definitions: ["N=3"], holds: safe, fails: [] },
  { model: "key", definitions: ["TWO_REQUESTS"], holds: ["own-answer", "one-effect", "same-answer"], fails: [] },
  { model: "key", definitions: ["RERUN", "KEYED"], holds: safe, fails: ["reach: take over"] },
  { model: "key", definitions: ["RERUN", "FENCED"], holds: safe, fails: ["reach: take over"] },
  { model: "key", definitions: ["RERUN", "KEYED", "LOSES_RECORD"], holds: ["one-effect"], fails: [] },
  { model: "key", definitions: ["LOSES_RECORD"], holds: [], fails: ["one-effect"] },
  { model: "key", definitions: ["RERUN"], holds: [], fails: ["one-effect"] },
  { model: "key", definitions: [bounded], holds: ["every-key-ends"], fails: [] },
  { model: "key", definitions: [bounded, "RERUN", "KEYED"], holds: ["every-key-ends"], fails: [] },
  { model: "key", definitions: [bounded, "RERUN", "FENCED"], holds: ["every-key-ends"], fails: [] },
  { model: "key", definitions: ["BOUNDED=1"], holds: ["unworked-claim-is-released"], fails: [] },
  without("key", "K1_TAKEN_BACK", "unworked-claim-is-released", ["BOUNDED=1"]),
  without("key", "K2_FINGERPRINT", "own-answer", ["TWO_REQUESTS"]),
  without("key", "K3_LEASE_ENDS", "every-key-ends", [bounded]),
  without("key", "K4_OWNER", "late-owner-changes-nothing", ["RERUN", "KEYED"]),
  without("key", "K4_RENEWAL", "late-owner-changes-nothing", ["RERUN", "KEYED"]),
  without("key", "K5_UNKNOWN", "one-effect"),
  without("key", "K5_RELEASE", "no-lost-effect", ["RERUN", "KEYED"]),
  without("key", "K6_HELD", "one-effect"),
  without("key", "K6_LOOK", "one-effect", ["RERUN", "FENCED"]),
  without("key", "K7_STORED", "same-answer"),
  without("key", "K8_LOSER", "same-answer", ["RERUN", "FENCED"]),
  without("key", "K9_RETENTION", "one-effect"),

  {
    model: "transaction",
    definitions: [],
    holds: ["one-effect", "same-answer", "no-lost-effect", "every-key-ends"],
    fails: ["reach: replay", "reach: locked", "reach: lost confirmation", "reach: refusal"],
  },
  {
    model: "transaction",
    definitions: ["N=3"],
    holds: ["one-effect", "same-answer", "no-lost-effect", "every-key-ends"],
    fails: [],
  },
  { model: "transaction", definitions: ["TWO_REQUESTS"], holds: ["own-answer", "one-effect"], fails: [] },
  { model: "transaction", definitions: ["WORKS_ON"], holds: ["one-effect", "no-lost-effect"], fails: [] },
  without("transaction", "T1_LOCK", "one-effect"),
  without("transaction", "T2_TOGETHER", "no-lost-effect"),
  without("transaction", "T3_ROLLBACK", "no-lost-effect"),
  without("transaction", "T4_GUARD", "one-effect", ["WORKS_ON"]),
  without("transaction", "T5_FINGERPRINT", "own-answer", ["TWO_REQUESTS"]),
  without("transaction", "T6_UNLOCK", "every-key-ends"),
  without("transaction", "T7_COMMITTED", "same-answer"),

  {
    model: "outbox",
    definitions: [bounded],
    holds: [
      "only-commits-are-published",
      "commit-order",
      "late-owner-changes-nothing",
      "every-commit-is-published",
      "every-message-ends",
    ],
    fails: ["reach: both published", "reach: take over", "reach: published twice", "reach: late return"],
  },
  {
    model: "outbox",
    definitions: [bounded, "REFUSED"],
    holds: ["commit-order", "late-owner-changes-nothing", "every-commit-is-published", "every-message-ends"],
    fails: ["reach: parked"],
  },
  {
    model: "outbox",
    definitions: [bounded, "KEYLESS"],
    holds: ["late-owner-changes-nothing", "every-commit-is-published", "every-message-ends"],
    fails: [],
  },
  without("outbox", "O1_LOCK", "commit-order", [bounded]),
  without("outbox", "O2_INSIDE", "only-commits-are-published", [bounded]),
  without("outbox", "O3_ALL", "every-commit-is-published", [bounded, "KEYLESS"]),
  without("outbox", "O4_OLDEST", "commit-order", [bounded]),
  without("outbox", "O5_STOPS", "commit-order", [bounded]),
  without("outbox", "O6_LEASE_ENDS", "every-commit-is-published", [bounded]),
  without("outbox", "O7_CONFIRMED", "every-commit-is-published", [bounded]),
  without("outbox", "O8_HELD", "late-owner-changes-nothing", [bounded, "REFUSED"]),

  {
    model: "inbox",
    definitions: [],
    holds: ["one-effect", "acknowledged-is-settled", "no-lost-effect", "every-message-ends"],
    fails: ["reach: repeat", "reach: side by side", "reach: letter", "reach: lost acknowledgement"],
  },
  {
    model: "inbox",
    definitions: ["HELD"],
    holds: ["one-effect", "acknowledged-is-settled", "no-lost-effect", "every-message-ends"],
    fails: ["reach: letter"],
  },
  {
    model: "inbox",
    definitions: ["FAILS"],
    holds: ["one-effect", "acknowledged-is-settled", "every-message-ends"],
    fails: ["reach: letter"],
  },
  { model: "inbox", definitions: ["REJECTS"], holds: ["acknowledged-is-settled", "every-message-ends"], fails: [] },
  without("inbox", "I1_RECORD", "one-effect"),
  without("inbox", "I2_TOGETHER", "one-effect"),
  without("inbox", "I3_SETTLED", "acknowledged-is-settled"),
  without("inbox", "I4_COMMITTED", "acknowledged-is-settled"),
  without("inbox", "I5_TRIES", "every-message-ends", ["FAILS"]),
  without("inbox", "I6_RETENTION", "one-effect"),
  without("inbox", "I7_HELD", "one-effect", ["HELD"]),
  without("inbox", "I8_CLAIM", "one-effect"),
];
