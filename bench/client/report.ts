import type { Ground } from "../ground.ts";
import type { Measured } from "../measure.ts";
import type { HttpFigures } from "./http-child.ts";
import type { LoopFigures } from "./loops-child.ts";

/** The record of a run of the benchmark. */
export interface ClientResults extends Ground {
  readonly rounds: number;
  readonly milliseconds: number;
  readonly connections: number;
  readonly loops: readonly Measured<keyof LoopFigures>[];
  readonly callers: readonly Measured<keyof HttpFigures>[];
}

/** The results as two tables for a terminal. */
export function clientTables({ loops, callers }: ClientResults): string {
  const loopRows = loops.map((row) => [row.name, ...loopCells(row)]);
  const callerRows = callers.map((row) => [row.name, ...callerCells(row)]);
  return [
    table(["", "success, ns CPU", "of bare await", "bytes", "three failures, ns CPU", "bytes"], loopRows),
    table(["", "requests/s", "ratio", "from to", "µs CPU", "ratio by CPU", "from to", "of"], callerRows),
  ].join("\n\n");
}

/** The figures of one loop around a function. */
export function loopCells({ medians, ratios }: Measured<keyof LoopFigures>): string[] {
  return [
    whole(medians.successNanoseconds),
    ratios.successNanoseconds.toFixed(2),
    whole(medians.successBytes),
    whole(medians.failuresNanoseconds),
    whole(medians.failuresBytes),
  ];
}

/** The figures of one HTTP client: a ratio above 1 is better than the baseline, by requests and by processor time. */
export function callerCells({ baseline, medians, ratios, ratioRanges }: Measured<keyof HttpFigures>): string[] {
  const [slowest, fastest] = ratioRanges.perSecond;
  const [cheapest, dearest] = ratioRanges.cpuMicroseconds;
  return [
    whole(medians.perSecond),
    ratios.perSecond.toFixed(2),
    `${slowest.toFixed(2)}-${fastest.toFixed(2)}`,
    whole(medians.cpuMicroseconds),
    (1 / ratios.cpuMicroseconds).toFixed(2),
    `${(1 / dearest).toFixed(2)}-${(1 / cheapest).toFixed(2)}`,
    baseline,
  ];
}

/** A library that does not retry by itself has no figure for failures. */
function whole(figure: number | null): string {
  return figure === null || Number.isNaN(figure) || figure === 0 ? "-" : Math.round(figure).toLocaleString("en");
}

function table(head: readonly string[], rows: readonly string[][]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
