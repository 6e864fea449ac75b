import { type Goal, type GoalResult, judgeGoal } from "../goals.ts";
import type { Measured } from "../measure.ts";
import { entries } from "./entries.ts";
import { bareNode, type FigureName } from "./measure.ts";

/** The entries are compared to it: a framework that most servers load anyway. */
export const framework = "express";

export const helpRow = "once-again --help";

/** Express takes 64 ms and 64 MB: an entry may take 30 ms and 55 MB. A bare Node takes 40 ms: the command may take 100. */
const goals: readonly Goal<FigureName>[] = [
  ...entries.flatMap((entry): Goal<FigureName>[] => [
    { row: entry, beside: framework, figure: "importMs", label: "import", timesMax: 0.47 },
    { row: entry, beside: framework, figure: "memoryMegabytes", label: "memory", timesMax: 0.86 },
  ]),
  { row: helpRow, beside: bareNode, figure: "processMs", label: "processor time", timesMax: 2.5 },
];

/** Judges each goal of which the rows were measured. */
export function judgeStartup(measured: readonly Measured<FigureName>[]): GoalResult[] {
  return goals.flatMap((goal) => judgeGoal({ title: "start-up", rows: measured }, goal) ?? []);
}
