import { type Interval, medianInterval, noiseOf } from "./interval.ts";
import { type Figures, median, roundRatios } from "./measure.ts";

/** A figure of one row shall be at most so many times the same figure of another row of its group. */
export interface Goal<Figure extends string> {
  readonly row: string;
  readonly beside: string;
  readonly figure: Figure;
  /** The name of the figure in the table. */
  readonly label: string;
  readonly timesMax: number;
}

/** The measured rows of one group, such as `express + memory`. */
export interface GoalGroup<Figure extends string> {
  readonly title: string;
  readonly rows: readonly { readonly name: string; readonly rounds: readonly Figures<Figure>[] }[];
  /** The same server in two processes, where the group has such a pair. */
  readonly again?: readonly [one: string, other: string] | undefined;
}

export interface GoalResult {
  readonly title: string;
  readonly goal: string;
  readonly timesMax: number;
  /** The median of the rounds, and where it lies with a confidence of 95%. */
  readonly times: number;
  readonly from: Interval;
  readonly verdict: "holds" | "missed" | "can't tell";
}

/**
 * Judges a goal by the rounds of its two rows. It is missed when its whole interval is above the goal by more than two processes
 * of one server differ, and holds when its whole interval is below it.
 *
 * @returns `undefined` when a row was not measured.
 */
export function judgeGoal<Figure extends string>(
  { title, rows, again }: GoalGroup<Figure>,
  { row, beside, figure, label, timesMax }: Goal<Figure>,
): GoalResult | undefined {
  const roundsOf = (name: string | undefined) => rows.find((one) => one.name === name)?.rounds;
  const [ours, theirs, one, other] = [row, beside, ...(again ?? [])].map(roundsOf);
  if (ours === undefined || theirs === undefined) return undefined;
  const ratios = roundRatios(ours, theirs, figure);
  const from = medianInterval(ratios);
  const noise = one === undefined || other === undefined ? 1 : noiseOf(roundRatios(one, other, figure))[1];
  const isMissed = from[0] > timesMax * noise;
  const verdict = isMissed ? "missed" : from[1] <= timesMax ? "holds" : "can't tell";
  return { title, goal: `${row}, ${label}, of ${beside}`, timesMax, times: median(ratios), from, verdict };
}

/** The goals as lines for a terminal. */
export function goalLines(results: readonly GoalResult[]): string {
  const two = (value: number): string => value.toFixed(2);
  const table = [
    ["group", "goal", "at most", "measured", "from to", ""],
    ...results.map(({ title, goal, timesMax, times, from: [low, high], verdict }) => {
      return [title, goal, two(timesMax), two(times), `${two(low)}-${two(high)}`, verdict];
    }),
  ];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((line) => line[column]!.length)));
  return table
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
