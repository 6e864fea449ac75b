import type { StormResult } from "../../../src/simulator/index.ts";

/** The colour of each policy: by its place in the comparison, the same in every picture. */
export const colourOf = (index: number): string => `--series-${index + 1}`;

/** Of a hundred calls so many may fail in a storm that went well. */
const failedShareMax = 0.01;

/** Whether it went well: a sign beside the colour. A herd that has ended went well when hardly a call failed. */
export function standing({ calls, recovery: { verdict } }: StormResult): { sign: string; kind: "good" | "bad" } {
  const isWell = verdict === "recovered" || (verdict === "drained" && calls.failed <= calls.begun * failedShareMax);
  return isWell ? { sign: "✓", kind: "good" } : { sign: "✕", kind: "bad" };
}
