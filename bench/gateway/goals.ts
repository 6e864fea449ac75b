import { type Goal, type GoalResult, judgeGoal } from "../goals.ts";
import type { Measured } from "../measure.ts";
import { again, baseline, bareProxy } from "./catalog.ts";
import type { FigureName } from "./run.ts";

const cpu = (row: string, timesMax: number): Goal<FigureName> => {
  return { row, beside: bareProxy, figure: "cpuMicroseconds", label: "processor time", timesMax };
};

/**
 * The cost that a gateway on Node may have, beside a proxy without anything of ours. fast-proxy 2.2, the cheapest for Node, has 1.32
 * of it; it knows no keys, so a new key has twice as much, and a repeat what a request without keys has.
 */
const goals: readonly Goal<FigureName>[] = [
  cpu("gateway, pass-through", 1.32),
  cpu("gateway, new key, SQLite", 2.68),
  cpu("gateway, repeat, SQLite", 1.07),
  cpu("gateway, new key, Redis", 2.68),
  cpu("gateway, repeat, Redis", 1.07),
];

/** Whether a goal has a row under it, or beside it, or takes the noise from it. */
export function isInGoals(name: string): boolean {
  return name === again || goals.some(({ row, beside }) => row === name || beside === name);
}

/** Judges each goal of which the rows were measured. */
export function judgeGateway(measured: readonly Measured<FigureName>[]): GoalResult[] {
  const group = { title: "gateway", rows: measured, again: [again, baseline] as const };
  return goals.flatMap((goal) => judgeGoal(group, goal) ?? []);
}
