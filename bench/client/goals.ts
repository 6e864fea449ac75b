import { type Goal, type GoalResult, judgeGoal } from "../goals.ts";
import type { ClientResults } from "./report.ts";
import type { HttpFigures } from "./http-child.ts";
import type { LoopFigures } from "./loops-child.ts";

/** A call that succeeds at once: little more than a loop by hand, which costs three times a bare `await`. */
const loopGoals: readonly Goal<keyof LoopFigures>[] = [
  { row: "once-again", beside: "bare await", figure: "successNanoseconds", label: "success", timesMax: 3.72 },
];

const cpu = { figure: "cpuMicroseconds", label: "processor time" } as const;

/** As cheap as the cheapest library around `fetch`, which has .85 of its requests; and as undici's own agent for retries. */
const callerGoals: readonly Goal<keyof HttpFigures>[] = [
  { ...cpu, row: "retryingFetch", beside: "global fetch", timesMax: 1.18 },
  { ...cpu, row: "once-again/undici", beside: "undici RetryAgent", timesMax: 1 },
  { ...cpu, row: "once-again/undici on undici 8", beside: "undici 8 RetryAgent", timesMax: 1 },
];

export function isInGoals(name: string): boolean {
  return [...loopGoals, ...callerGoals].some(({ row, beside }) => row === name || beside === name);
}

/** Judges each goal of which the rows were measured. */
export function judgeClients({ loops, callers }: Pick<ClientResults, "loops" | "callers">): GoalResult[] {
  return [
    ...loopGoals.flatMap((goal) => judgeGoal({ title: "retry()", rows: loops }, goal) ?? []),
    ...callerGoals.flatMap((goal) => judgeGoal({ title: "HTTP", rows: callers }, goal) ?? []),
  ];
}
