import type { Random } from "../../../packages/once-again/src/core/random.ts";

/** The rules by which a harness identifies its calls; the last two are those of careless harnesses. */
export const rules = ["step", "history", "replay", "none", "hash", "call-id"] as const;

/** The rule by which a harness identifies its calls. */
export type Rule = (typeof rules)[number];

/** The rules of `onceTools`. */
export const ownRules = rules.slice(0, 4);

/** The events of one run. */
export interface Plan {
  readonly rule: Rule;
  /** Whether the tools keep the keys that they are given. */
  readonly isKeyed: boolean;
  readonly crashesMax: number;
  readonly crashShare: number;
  readonly lossShare: number;
  /** How often the harness writes a checkpoint after an answer. */
  readonly checkpointShare: number;
  /** How often the model asks once more for a call that failed. */
  readonly askAgainShare: number;
  /** How often the harness shortens what the model is shown. */
  readonly shortenShare: number;
  /** How often the model words a mail anew when it plans again. */
  readonly rewordShare: number;
  /** How often the person who is asked says stop. */
  readonly stopShare: number;
}

/** Draws the events of a run. */
export function planOf(random: Random, rule: Rule = ownRules[Math.floor(random() * ownRules.length)]!): Plan {
  const share = (most: number): number => (random() < 0.3 ? 0 : random() * most);
  return {
    rule,
    isKeyed: random() < 0.5,
    crashesMax: Math.floor(random() * 5),
    crashShare: 0.01 + random() * 0.15,
    lossShare: share(0.3),
    checkpointShare: random(),
    askAgainShare: share(0.8),
    shortenShare: share(0.2),
    rewordShare: 0.4,
    stopShare: share(0.3),
  };
}
