import type { Random } from "../../../packages/once-again/src/core/random.ts";

/** A call as the model wants it: what it is in truth, and how the model words it this time. */
export interface WantedCall {
  /**
   * The true intention of this call: the same in any words and however often it is asked for, and different for any other.
   */
  readonly truth: string;
  readonly tool: "order" | "mail";
  readonly input: { readonly item: string };
}

/** A model that plays a script: the calls of each of its answers, in words that differ from time to time. */
export interface ScriptedModel {
  readonly answers: number;
  /** The calls of one answer, as the model words them this time. */
  answer(index: number): readonly WantedCall[];
}

const items = ["tea", "milk"];
const greetings = ["Dear Ann", "Hello Ann", "Ann"];

const chance = (random: Random, share: number): boolean => random() < share;
const pick = <Value>(random: Random, values: readonly Value[]): Value => values[Math.floor(random() * values.length)]!;

/**
 * @param random what the user wants, and how the model words it.
 * @param rewordShare how often it words a mail anew.
 */
export function scriptedModel(random: Random, rewordShare: number): ScriptedModel {
  const script = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
      chance(random, 0.7)
        ? { tool: "order" as const, item: pick(random, items) }
        : { tool: "mail" as const, item: pick(random, greetings) },
    ),
  );
  return {
    answers: script.length,
    answer(index) {
      const calls = script[index]!.map(({ tool, item }, at) => {
        // A mail can be worded anew; an order can't be.
        const worded = tool === "mail" && chance(random, rewordShare) ? pick(random, greetings) : item;
        return { truth: `${index}.${at}`, tool, input: { item: worded } };
      });
      return chance(random, 0.3) ? mixed(calls) : calls;
    },
  };
}

/** The same calls in another order, equal ones in theirs, since equal calls can't be distinguished. */
function mixed(calls: readonly WantedCall[]): readonly WantedCall[] {
  const wordsOf = ({ tool, input }: WantedCall): string => `${tool} ${input.item}`;
  return calls.toSorted((one, other) => wordsOf(other).localeCompare(wordsOf(one)));
}
