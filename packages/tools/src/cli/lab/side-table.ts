import type { Painter } from "once-again/internal/command";
import { formatCount, formatNumber } from "../count-text.ts";

/** One row of a table of two sides. */
export interface Row<Result> {
  readonly label: string;
  readonly value: (result: Result) => string;
  /** Says whether the value is as it should be; absent where none is better than another. */
  readonly isGood?: (result: Result) => boolean;
}

export function numberRow<Result>(label: string, count: (result: Result) => number): Row<Result> {
  return { label, value: (result) => formatNumber(count(result)) };
}

/** A row in which 0 is good, and nothing else. */
export function zeroRow<Result>(label: string, count: (result: Result) => number): Row<Result> {
  return { ...numberRow(label, count), isGood: (result) => count(result) === 0 };
}

export const timeRow: Row<{ readonly timeMs: number }> = {
  label: "time",
  value: ({ timeMs }) => `${(timeMs / 1000).toFixed(1)} s`,
};

const labelWidth = 28;
const valueWidth = 14;

/** That all is well, in words; or each thing that is not. */
export type Verdict = string | readonly (string | false)[];

/** A report of two sides. */
export interface SideReport<Result> {
  readonly heading: readonly string[];
  readonly rows: readonly Row<Result>[];
  /** Lines between the table and the verdicts. */
  readonly details?: readonly string[];
  readonly verdictOf: (side: Result) => Verdict;
}

/** The lines of a report, each ended by a line feed: a heading, a table, details, and a verdict on each side. */
export function formatReport<Result>(
  { heading, rows, details = [], verdictOf }: SideReport<Result>,
  sides: { readonly careless: Result; readonly safe: Result },
  painter: Painter,
): string {
  const lines = [
    ...heading,
    "",
    ...sideTable(rows, sides, painter),
    "",
    ...details,
    ...(details.length === 0 ? [] : [""]),
    formatVerdict("Careless", verdictOf(sides.careless), painter),
    formatVerdict("Safe", verdictOf(sides.safe), painter),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

/** A heading, and a line for each row. */
function sideTable<Result>(
  rows: readonly Row<Result>[],
  { careless, safe }: { readonly careless: Result; readonly safe: Result },
  painter: Painter,
): string[] {
  const line = (label: string, ...cells: readonly string[]): string => label.padEnd(labelWidth) + cells.join("");
  const cell = ({ value, isGood }: Row<Result>, result: Result): string => {
    const text = value(result).padStart(valueWidth);
    if (isGood === undefined) return text;
    return isGood(result) ? painter.good(text) : painter.bad(text);
  };
  return [
    painter.faint(line("", ...["careless", "safe"].map((name) => name.padStart(valueWidth)))),
    ...rows.map((row) => line(row.label, cell(row, careless), cell(row, safe))),
  ];
}

function formatVerdict(name: string, found: Verdict, painter: Painter): string {
  if (typeof found === "string") return painter.good(`${name}: ${found}.`);
  return painter.bad(`${name}: ${found.filter((fault) => fault !== false).join(", ")}.`);
}

export const formatPercent = (share: number): string => `${Number((share * 100).toFixed(1))}%`;

export const formatTimes = (count: number): string => (count === 1 ? "once" : formatCount(count, "time"));
