import { type Goal, type GoalResult, judgeGoal } from "../goals.ts";
import { again, bare, type PartFigures } from "./catalog.ts";
import type { MeasuredParts } from "./run.ts";

/** A relay's claims and removals, and the broker's confirmations, which a loop of bare publishes has too. */
const relayGoal: Goal<PartFigures["throughput"]> = {
  row: "once-again",
  beside: bare,
  figure: "cpuMicroseconds",
  label: "processor time a message",
  timesMax: 1.94,
};

/** The part of the goal. */
export const goalPart = "throughput";

export const isInGoals = (name: string): boolean => [relayGoal.row, bare, again(bare)].includes(name);

/** Judges the goal, if its part was measured. */
export function judgeMessages({ throughput }: MeasuredParts): GoalResult[] {
  if (throughput === undefined) return [];
  return [judgeGoal({ title: "relay", rows: throughput, again: [again(bare), bare] }, relayGoal) ?? []].flat();
}
