import type { Ground } from "../ground.ts";
import type { FigureName, ServerMeasured } from "./run.ts";

/** What a run of the benchmark writes down. */
export interface ServerResults extends Ground {
  readonly rounds: number;
  readonly milliseconds: number;
  readonly connections: number;
  readonly measured: readonly ServerMeasured[];
}

/** What `cellsOf` gives, in its order. */
export const figureNames = ["first", "replay", "first/s", "replay/s", "first, µs CPU", "replay, µs CPU"] as const;

/** The results as a table for a terminal. */
export function serverTable({ measured }: ServerResults): string {
  const rows = measured.map((row) => [row.framework, row.store, row.name, ...cellsOf(row)]);
  const head = ["framework", "store", "", ...figureNames];
  const table = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Ratios of requests per second to the baseline's; what they are ratios of; processor time, and its ratio. */
export function cellsOf({ medians, ratios }: ServerMeasured): string[] {
  const whole = (name: FigureName): string => Math.round(medians[name]).toLocaleString("en");
  return [
    ratios.firstPerSecond.toFixed(2),
    ratios.replayPerSecond.toFixed(2),
    whole("firstPerSecond"),
    whole("replayPerSecond"),
    `${whole("firstCpuMicroseconds")} (${ratios.firstCpuMicroseconds.toFixed(2)})`,
    `${whole("replayCpuMicroseconds")} (${ratios.replayCpuMicroseconds.toFixed(2)})`,
  ];
}
