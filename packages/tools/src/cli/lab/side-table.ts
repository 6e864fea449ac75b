import type { Painter } from "once-again/internal/command";

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

/** A heading, and a line for each row. */
export function sideTable<Result>(
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

/** @param found that all is well, in words; or what is not. */
export function formatVerdict(name: string, found: string | readonly (string | false)[], painter: Painter): string {
  if (typeof found === "string") return painter.good(`${name}: ${found}.`);
  return painter.bad(`${name}: ${found.filter((fault) => fault !== false).join(", ")}.`);
}

export const formatNumber = (value: number): string => value.toLocaleString("en-US");

export const formatPercent = (share: number): string => `${Number((share * 100).toFixed(1))}%`;

export const formatCount = (count: number, noun: string): string =>
  `${formatNumber(count)} ${noun}${count === 1 ? "" : "s"}`;

export const formatTimes = (count: number): string => (count === 1 ? "once" : formatCount(count, "time"));
