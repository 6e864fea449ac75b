import type { BudgetFigures, WaitFigures } from "./measure.ts";

/** A candidate, and what it came to. */
export interface Candidate<Figures> {
  readonly name: string;
  /** Only there to be compared with: it can't be chosen, and makes no other one look good. */
  readonly isBaseline?: true;
  readonly figures: Figures;
}

/** A way to wait, judged beside the others. */
export interface JudgedWait extends Candidate<WaitFigures> {
  /** The figures in which no other candidate is worse. */
  readonly worstIn: readonly (keyof WaitFigures)[];
  /** The mean of its figures' ratios to the best candidate's. */
  readonly score: number;
}

/** No default may be the worst in any figure. Of those left the one with the lowest score is chosen. */
export function judgedWaits(candidates: readonly Candidate<WaitFigures>[]): JudgedWait[] {
  const eligible = candidates.filter(({ isBaseline }) => isBaseline !== true);
  const names = Object.keys(candidates[0]!.figures) as (keyof WaitFigures)[];
  const all = (name: keyof WaitFigures) => eligible.map(({ figures }) => figures[name]);
  return candidates.map((candidate) => {
    const { figures } = candidate;
    const ratios = names.map((name) => figures[name] / Math.min(...all(name)));
    return {
      ...candidate,
      worstIn: names.filter((name) => figures[name] >= Math.max(...all(name))),
      score: ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length,
    };
  });
}

/** @returns its name; `undefined` when each is the worst in something. */
export const chosenWait = (judged: readonly JudgedWait[]): string | undefined =>
  judged
    .filter(({ isBaseline, worstIn }) => isBaseline !== true && worstIn.length === 0)
    .toSorted((one, other) => one.score - other.score)[0]?.name;

/** By how much a budget may delay a busy service's return, as a multiple of the time without retries. */
const delayMax = 1.25;

/** Whether a busy service comes back with it, about as soon as without retries. */
export function isSafe({ figures }: Candidate<BudgetFigures>, withoutRetries: BudgetFigures): boolean {
  return figures.busyNever === 0 && figures.busySeconds! <= delayMax * withoutRetries.busySeconds!;
}

/** Of the safe ones, the one with which the fewest calls are given up. @returns its name. */
export function chosenBudget(candidates: readonly Candidate<BudgetFigures>[]): string | undefined {
  const withoutRetries = candidates.find(({ isBaseline }) => isBaseline === true)!.figures;
  const givenUp = ({ figures }: Candidate<BudgetFigures>): number => figures.givenUpSparse + figures.givenUpDense;
  return candidates
    .filter((candidate) => candidate.isBaseline !== true && isSafe(candidate, withoutRetries))
    .toSorted((one, other) => givenUp(one) - givenUp(other))[0]?.name;
}
