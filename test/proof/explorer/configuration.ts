import {
  isPending,
  outcomeOfLoser,
  outcomeOfOwner,
  settlementOf,
} from "../../../packages/once-again/src/engine/leased-decisions.ts";
import { transition } from "../../../packages/once-again/src/stores/transition.ts";
import type { InvariantName } from "../invariants.ts";

/** The production rules that an exploration is driven by. An unsafe configuration has one of them replaced. */
export interface Rules {
  readonly transition: typeof transition;
  readonly isPending: typeof isPending;
  readonly settlementOf: typeof settlementOf;
  readonly outcomeOfOwner: typeof outcomeOfOwner;
  readonly outcomeOfLoser: typeof outcomeOfLoser;
}

export const productionRules: Rules = { transition, isPending, settlementOf, outcomeOfOwner, outcomeOfLoser };

/** One mode and policy, in one surrounding. */
export interface Configuration {
  readonly name: string;
  /** A description in plain words. */
  readonly about: string;
  readonly expected: "clean" | InvariantName;
  readonly mode: "leased" | "transactional";
  /** The request that each delivery brings under the same key. */
  readonly requests: readonly string[];
  /** The protection of the effect itself: none, knowing the derived key again, or refusing a lower fence. */
  readonly effect: "plain" | "keyed" | "fenced";
  readonly takeOverAfterMs: number | undefined;
  /** Whether a take-over first looks for the effect and, when it finds none, runs. */
  readonly reconciles: boolean;
  readonly retentionMs: number;
  /** How long a record is stored that has no result; `undefined`: for ever. */
  readonly heldRetentionMs?: number;
  /** Whether the answer goes out before it is stored. */
  readonly answersEarly: boolean;
  /**
   * Whether a handler may be at work when its operation is answered: a framework's time-out answers for it, or one branch
   * of it fails. Its effect may come later then.
   */
  readonly worksOn: boolean;
  /** Whether a transaction that has ended refuses what its handler still asks of it. */
  readonly guardsTransactions: boolean;
  /** Whether the store may lose what it had acknowledged, once. */
  readonly losesRecords: boolean;
  readonly rules: Rules;
}

export const leaseMs = 1000;
const quiesceMs = 500;

const leased: Omit<Configuration, "name" | "about" | "expected"> = {
  mode: "leased",
  requests: ["f", "f", "f"],
  effect: "plain",
  takeOverAfterMs: undefined,
  reconciles: false,
  retentionMs: 1000 * leaseMs,
  answersEarly: false,
  worksOn: false,
  guardsTransactions: true,
  losesRecords: false,
  rules: productionRules,
};

const transactional = { ...leased, mode: "transactional" } as const;
const rerun = { ...leased, takeOverAfterMs: 0 };
const replacing = (rules: Partial<Rules>): { rules: Rules } => ({ rules: { ...productionRules, ...rules } });

/** Completes a record for any process, as a store without an owner check does. */
const unfenced: typeof transition = (record, operation, now) =>
  operation.kind === "complete" && record !== undefined
    ? transition(record, { ...operation, owner: record.owner }, now)
    : transition(record, operation, now);

export const configurations: readonly Configuration[] = [
  { ...transactional, name: "transactional", about: "key, effect and answer in one transaction", expected: "clean" },
  {
    ...transactional,
    name: "transactional, two requests",
    about: "the third delivery brings another request under the same key",
    requests: ["f", "f", "g"],
    expected: "clean",
  },
  {
    ...transactional,
    name: "transactional, at work after the answer",
    about: "a handler of two branches goes on when its transaction is over",
    worksOn: true,
    expected: "clean",
  },
  { ...leased, name: "hold", about: "an operation with an unknown outcome is never run again", expected: "clean" },
  {
    ...leased,
    name: "hold, two requests",
    about: "the third delivery brings another request under the same key",
    requests: ["f", "f", "g"],
    expected: "clean",
  },
  {
    ...rerun,
    name: "rerun, keyed effect",
    about: "run again; the effect's service knows the derived key",
    effect: "keyed",
    expected: "clean",
  },
  {
    ...rerun,
    name: "rerun, keyed effect, record loss",
    about: "the same, and the store loses the record once",
    effect: "keyed",
    losesRecords: true,
    expected: "clean",
  },
  {
    ...rerun,
    name: "reconcile, fenced",
    about: "run again when the effect is not found; the effect refuses a lower fence",
    effect: "fenced",
    reconciles: true,
    expected: "clean",
  },
  {
    ...rerun,
    name: "reconcile, quiesced",
    about: "run again when the effect is not found and the last worker has surely stopped",
    reconciles: true,
    takeOverAfterMs: quiesceMs,
    expected: "clean",
  },
  {
    ...leased,
    name: "hold, at work after the answer",
    about: "a time-out that is not ours answers, and the handler has its effect later",
    worksOn: true,
    expected: "clean",
  },
  {
    ...rerun,
    name: "rerun, keyed effect, at work after the answer",
    about: "the same; the effect's service knows the derived key",
    effect: "keyed",
    worksOn: true,
    expected: "clean",
  },
  {
    ...rerun,
    name: "reconcile, fenced, at work after the answer",
    about: "the same; the effect refuses a lower fence",
    effect: "fenced",
    reconciles: true,
    worksOn: true,
    expected: "clean",
  },
  {
    ...rerun,
    name: "reconcile, quiesced, at work after the answer",
    about: "the same; the lease runs out, and only then the quiet time begins",
    reconciles: true,
    takeOverAfterMs: quiesceMs,
    worksOn: true,
    expected: "clean",
  },
  {
    ...rerun,
    name: "reconcile, quiesced, lease ended under a live worker",
    about: "the same, but a failure that was answered ends its lease at once",
    reconciles: true,
    takeOverAfterMs: quiesceMs,
    worksOn: true,
    ...replacing({
      settlementOf: (effect, policy) =>
        settlementOf(effect, { ...policy, takeOverAfterMs: policy.takeOverAfterMs && 0 }),
    }),
    expected: "one-effect",
  },
  {
    ...transactional,
    name: "transactional, unguarded",
    about: "a handler's statement after the end of its transaction is executed by itself",
    worksOn: true,
    guardsTransactions: false,
    expected: "one-effect",
  },
  { ...rerun, name: "rerun, plain effect", about: "run again what cannot be repeated", expected: "one-effect" },
  {
    ...rerun,
    name: "reconcile, not found is enough",
    about: "run again when the effect is not found, while the last worker may be alive",
    reconciles: true,
    expected: "one-effect",
  },
  {
    ...leased,
    name: "held retention = lease",
    about: "the record is forgotten when the lease of a crashed worker ends",
    heldRetentionMs: leaseMs,
    expected: "one-effect",
  },
  {
    ...leased,
    name: "delete on error",
    about: "a handler's failure gives the key back",
    ...replacing({
      settlementOf: (effect, policy) => (effect === "unknown" ? "release" : settlementOf(effect, policy)),
    }),
    expected: "one-effect",
  },
  {
    ...rerun,
    name: "unfenced complete",
    about: "a late owner may complete",
    effect: "keyed",
    ...replacing({ transition: unfenced }),
    expected: "late-owner-changes-nothing",
  },
  {
    ...rerun,
    name: "loser answers itself",
    about: "a late owner answers with its own result",
    effect: "fenced",
    reconciles: true,
    ...replacing({ outcomeOfLoser: (_found, _operation, { result }) => ({ kind: "executed", result }) }),
    expected: "same-answer",
  },
  {
    ...leased,
    name: "answer before it is stored",
    about: "the first byte goes out before the result is in the store",
    answersEarly: true,
    expected: "same-answer",
  },
  {
    ...leased,
    name: "hold, record loss",
    about: "the store loses a claim that it had acknowledged",
    losesRecords: true,
    expected: "one-effect",
  },
];

/** The same configuration with fewer deliveries: the last one stays, since it is the one that may differ. */
export function withDeliveries(configuration: Configuration, deliveries: number): Configuration {
  return { ...configuration, requests: configuration.requests.slice(-deliveries) };
}
