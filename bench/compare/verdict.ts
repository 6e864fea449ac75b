import { type Interval, medianInterval, noiseOf, overlap } from "../interval.ts";
import { median } from "../measure.ts";

/** The same figure of both trees, and of the base's tree once more, round by round. */
export interface Rounds {
  readonly base: readonly number[];
  readonly again: readonly number[];
  readonly working: readonly number[];
}

/** How one figure of the working tree compares to the base's. */
export interface Comparison {
  /** Medians of the rounds. */
  readonly base: number;
  readonly working: number;
  /** The median of the rounds' ratios, working tree to base, and where it may lie. */
  readonly ratio: number;
  readonly interval: Interval;
  /** The ratios of the base's tree to itself, whichever process is divided by the other: such a ratio says nothing. */
  readonly noise: Interval;
  readonly verdict: "better" | "worse" | "can't tell";
}

/** @returns `undefined` for a figure that is not measured here. */
export function compareRounds({ base, again, working }: Rounds, moreIsBetter: boolean): Comparison | undefined {
  if (base.some(Number.isNaN)) return undefined;
  // Both processes of the base's tree say what the base is in this round.
  const ratios = working.map((figure, round) => figure / (((base[round] ?? 0) + (again[round] ?? 0)) / 2));
  const interval = medianInterval(ratios);
  const noise = noiseOf(again.map((figure, round) => figure / (base[round] ?? 0)));
  const ratio = median(ratios);
  const change = ratio > 1 === moreIsBetter ? "better" : "worse";
  const verdict = overlap(interval, noise) ? "can't tell" : change;
  return { base: median([...base, ...again]), working: median(working), ratio, interval, noise, verdict };
}
