import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { exitCodes, printJson } from "../test/support/command.ts";
import type { Ground } from "./ground.ts";
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

/** The benchmarks that have goals, in the order in which their decision shows them. */
export const goalParts = ["server", "client", "gateway", "messages", "startup"] as const;
export type GoalPart = (typeof goalParts)[number];

/** The goals of one benchmark, as one run judged them. */
export interface JudgedGoals extends Ground {
  readonly rounds: number;
  /** Other work of the machine: the highest load average at the end of a run. */
  readonly load: number;
  readonly judged: readonly GoalResult[];
}

const resultsFile = fileURLToPath(new URL("results/goals.json", import.meta.url));

/** The goals that were saved, by their benchmark. */
export function savedGoals(): Partial<Record<GoalPart, JudgedGoals>> {
  if (!existsSync(resultsFile)) return {};
  return JSON.parse(readFileSync(resultsFile, "utf8")) as Partial<Record<GoalPart, JudgedGoals>>;
}

/**
 * Prints the goals of one benchmark, and saves them in `bench/results/goals.json` where that was asked for. Groups that were
 * not measured stay as they are there, if they are of the same machine, day, versions and rounds.
 *
 * @returns the exit code of the command: bad when one is missed.
 */
export function reportGoals(
  part: GoalPart,
  run: Omit<JudgedGoals, "load">,
  { json = false, save = false }: { json?: boolean | undefined; save?: boolean | undefined },
): number {
  const goals: JudgedGoals = { ...run, load: Math.round(loadavg()[0]!) };
  if (save) saveGoals(part, goals);
  if (json) printJson(goals);
  else process.stdout.write(`${goalLines(goals.judged)}\n`);
  return goals.judged.some(({ verdict }) => verdict === "missed") ? exitCodes.bad : exitCodes.fine;
}

function saveGoals(part: GoalPart, goals: JudgedGoals): void {
  const saved = savedGoals();
  mkdirSync(fileURLToPath(new URL("results", import.meta.url)), { recursive: true });
  const all = { ...saved, [part]: besideSaved(goals, saved[part]) };
  writeFileSync(resultsFile, `${JSON.stringify(all, undefined, 2)}\n`);
}

function besideSaved(goals: JudgedGoals, saved: JudgedGoals | undefined): JudgedGoals {
  if (saved === undefined || !isDeepStrictEqual(groundOf(saved), groundOf(goals))) return goals;
  const anew = new Set(goals.judged.map(({ title }) => title));
  const others = saved.judged.filter(({ title }) => !anew.has(title));
  return { ...goals, load: Math.max(goals.load, saved.load), judged: [...others, ...goals.judged] };
}

function groundOf({ judged: _judged, load: _load, ...ground }: JudgedGoals): unknown {
  return JSON.parse(JSON.stringify(ground));
}
