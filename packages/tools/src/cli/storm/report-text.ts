import type { Painter } from "../../lab/report.ts";
import type { StormResult } from "../../simulator/index.ts";
import { measures, number, peak, seconds, verdictText } from "../../console/storms/words.ts";

const columns = 60;
const blocks = "▁▂▃▄▅▆▇█";

/** Storms for people: the load over time of each, and their measures side by side; each line is ended by a line feed. */
export function stormsText(results: readonly StormResult[], painter: Painter): string {
  const lines = [
    ...results.flatMap((result) => [...stormLines(result, painter), ""]),
    ...measureLines(results, painter),
    ...(results.length === 1 ? ["", painter.strong("To paste"), ...results[0]!.code.trimEnd().split("\n")] : []),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

function stormLines(result: StormResult, painter: Painter): string[] {
  const { endMs, load, name, recovery } = result;
  const isBad = recovery.verdict === "metastable" || recovery.verdict === "overloaded" || recovery.verdict === "open";
  const most = Math.max(peak(load.offeredPerSecond), peak(load.attemptsPerSecond));
  const line = (label: string, values: readonly number[], top: number, unit: string): string =>
    `  ${label.padEnd(9)} ${sparkline(values, top)} ${number(peak(values))}${unit}`;
  return [
    `${painter.strong(name)}  ${isBad ? painter.bad(verdictText(result)) : painter.good(verdictText(result))}`,
    // One scale for what is counted per second, so that the lines can be held against each other.
    line("offered", load.offeredPerSecond, most, "/s"),
    line("attempts", load.attemptsPerSecond, most, "/s"),
    line("goodput", load.goodputPerSecond, most, "/s"),
    line("queue", load.queue, peak(load.queue), ""),
    painter.faint(`            0${seconds(endMs).padStart(columns - 1)}  (peaks on the right)`),
  ];
}

/** The values as blocks, each as high as the most of those that it stands for; what is not 0 is seen. */
export function sparkline(values: readonly number[], top: number, width = columns): string {
  return Array.from({ length: width }, (_, column) => {
    const from = Math.floor((column * values.length) / width);
    const to = Math.max(from + 1, Math.floor(((column + 1) * values.length) / width));
    const value = peak(values.slice(from, to));
    return value === 0 ? " " : blocks[Math.min(blocks.length - 1, Math.floor((value / top) * blocks.length))];
  }).join("");
}

function measureLines(results: readonly StormResult[], painter: Painter): string[] {
  const width = Math.max(...results.map(({ name }) => name.length));
  const cells = measures.map(([heading, value]) => [heading, ...results.map(value)]);
  const widths = cells.map((column) => Math.max(...column.map((cell) => cell.length)));
  const row = (index: number): string =>
    cells.map((column, position) => column[index]!.padStart(widths[position]!)).join("  ");
  return [
    painter.faint(`${"".padEnd(width)}  ${row(0)}`),
    ...results.map(({ name }, index) => `${name.padEnd(width)}  ${row(index + 1)}`),
  ];
}
