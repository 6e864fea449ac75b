import type { Painter } from "once-again/internal/command";
import type { TableCell, TableCheck } from "../../simulator/index.ts";
import { formatNumber } from "../../console/storms/format.ts";

const headings = ["", "", "table", "ours", "ratio", "our runs"];

/** A published table beside ours, for people; each line is ended by a line feed. */
export function formatTable({ cells, holds, seed, table, trials }: TableCheck, painter: Painter): string {
  const texts = [headings, ...cells.map(formatCell)];
  const widths = headings.map((_, column) => Math.max(...texts.map((row) => row[column]!.length)));
  const aligned = (row: readonly string[]): string =>
    row.map((text, column) => (column < 2 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!))).join("  ");
  const isOneRun = cells.some(({ verdict }) => verdict === "one-run");
  const lines = [
    painter.strong(`${table}: ${trials} runs of each cell, seed ${seed}`),
    painter.faint(aligned(headings)),
    ...cells.map((cell, index) => formatMark(cell, aligned(texts[index + 1]!), painter)),
    "",
    ...(isOneRun
      ? ["~ Not within 10% of our mean, but among our single runs; the table does not say how many runs are behind it."]
      : []),
    holds
      ? painter.good("The table holds: every cell is within 10%, or marked.")
      : painter.bad("The table does not hold."),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

function formatCell({ column, expected, least, measured, most, ratio, row, unit }: TableCell): string[] {
  const value = (number_: number | null): string => (number_ === null ? "never" : formatNumber(number_));
  const range = least === null ? "never" : `${formatNumber(least)} to ${formatNumber(most!)}`;
  return [`${row}, ${column}`, unit, value(expected), value(measured), ratio?.toFixed(2) ?? "", range];
}

function formatMark({ verdict }: TableCell, line: string, painter: Painter): string {
  if (verdict === "within") return `${line}  ${painter.good("✓")}`;
  return verdict === "one-run" ? `${line}  ~` : `${line}  ${painter.bad("✗")}`;
}
