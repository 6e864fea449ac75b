import { type Goal, type GoalResult, judgeGoal } from "../goals.ts";
import type { Measured } from "../measure.ts";
import { entries } from "./entries.ts";
import { bareNode, type FigureName } from "./measure.ts";

/** The entries are compared to it: a framework that most servers load anyway. */
export const framework = "express";

export const helpRow = "once-again --help";

/** Entries that import a package which their users have anyway: its decorators, or its commands, are part of ours. */
export const userPackages: Readonly<Record<string, string>> = {
  "once-again/nest": "@nestjs/common",
  "once-again/stores/dynamodb": "@aws-sdk/client-dynamodb",
};

/** Express takes 64 ms and 64 MB: an entry may take 30 ms and 55 MB of it. */
const shareOfFramework = { importMs: 0.47, memoryMegabytes: 0.86 } as const;

/** The row of what an entry with a package of its users may take: that package, and as much as any other entry. */
const allowanceRow = (name: string): string => `${name}, and an entry's share of ${framework}`;

/** A bare Node takes 40 ms: the command may take 100. */
const goals: readonly Goal<FigureName>[] = [
  ...entries.flatMap((entry): Goal<FigureName>[] => {
    const name = userPackages[entry];
    const { importMs, memoryMegabytes } = name === undefined ? shareOfFramework : { importMs: 1, memoryMegabytes: 1 };
    const beside = name === undefined ? framework : allowanceRow(name);
    return [
      { row: entry, beside, figure: "importMs", label: "import", timesMax: importMs },
      { row: entry, beside, figure: "memoryMegabytes", label: "memory", timesMax: memoryMegabytes },
    ];
  }),
  { row: helpRow, beside: bareNode, figure: "processMs", label: "processor time", timesMax: 2.5 },
];

/** Judges each goal of which the rows were measured. */
export function judgeStartup(measured: readonly Row[]): GoalResult[] {
  const rows = [...measured, ...Object.values(userPackages).flatMap((name) => allowanceOf(name, measured))];
  return goals.flatMap((goal) => judgeGoal({ title: "start-up", rows }, goal) ?? []);
}

/** @returns no row when one of its parts was not measured. */
function allowanceOf(name: string, measured: readonly Row[]): readonly Row[] {
  const [bare, express, own] = [bareNode, framework, name].map((part) => measured.find((row) => row.name === part));
  if (bare === undefined || express === undefined || own === undefined) return [];
  const rounds = own.rounds.map((figures, round) => ({
    ...figures,
    importMs: figures.importMs + shareOfFramework.importMs * express.rounds[round]!.importMs,
    // The memory of a process is that of a bare Node, too.
    memoryMegabytes:
      figures.memoryMegabytes +
      shareOfFramework.memoryMegabytes * express.rounds[round]!.memoryMegabytes -
      bare.rounds[round]!.memoryMegabytes,
  }));
  return [{ name: allowanceRow(name), rounds }];
}

type Row = Pick<Measured<FigureName>, "name" | "rounds">;
