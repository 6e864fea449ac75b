import type { Interval } from "../interval.ts";
import type { RowComparison } from "./run.ts";

const head = ["", "base", "working", "ratio", "from to", "noise", ""];

/** How the figures are called in the table. */
const labels: Readonly<Record<string, string>> = {
  firstPerSecond: "first/s",
  firstCpuMicroseconds: "first, µs CPU",
  firstStoreMicroseconds: "first, µs store",
  replayPerSecond: "replay/s",
  replayCpuMicroseconds: "replay, µs CPU",
  replayStoreMicroseconds: "replay, µs store",
  firstNanoseconds: "first, ns CPU",
  replayNanoseconds: "replay, ns CPU",
  perSecond: "requests/s",
  cpuMicroseconds: "µs CPU",
  successNanoseconds: "success, ns CPU",
  successBytes: "success, bytes",
  failuresNanoseconds: "three failures, ns CPU",
  failuresBytes: "three failures, bytes",
};

/** One row as a table for a terminal. */
export function rowTable({ row, figures }: RowComparison): string {
  const cells = Object.entries(figures).map(([name, { base, working, ratio, interval, noise, verdict }]) => [
    labels[name] ?? name,
    amount(base),
    amount(working),
    ratio.toFixed(2),
    range(interval),
    range(noise),
    verdict,
  ]);
  const table = [head, ...cells];
  const widths = head.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0)));
  const padded = (text: string, column: number): string => {
    const isText = column === 0 || column === head.length - 1;
    return isText ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  };
  return [row, ...table.map((line) => line.map(padded).join("  ").trimEnd())].join("\n");
}

const range = ([low, high]: Interval): string => `${low.toFixed(2)}-${high.toFixed(2)}`;

function amount(figure: number): string {
  return figure < 100 ? figure.toFixed(1) : Math.round(figure).toLocaleString("en");
}
