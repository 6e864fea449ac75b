import type { Painter } from "once-again/internal/command";
import type { StormResult } from "../../simulator/index.ts";
import { measures, formatNumber, findPeak, formatSeconds, formatVerdict } from "../../console/storms/format.ts";

const columns = 60;
const blocks = "▁▂▃▄▅▆▇█";

/** Storms for people: the load over time of each, and their measures side by side; each line is ended by a line feed. */
export function formatStorms(results: readonly StormResult[], painter: Painter): string {
  const lines = [
    ...results.flatMap((result) => [...formatStorm(result, painter), ""]),
    ...formatMeasures(results, painter),
    ...(results.length === 1 ? ["", painter.strong("To paste"), ...results[0]!.code.trimEnd().split("\n")] : []),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

function formatStorm(result: StormResult, painter: Painter): string[] {
  const { endMs, load, name, recovery } = result;
  const isBad = recovery.verdict === "metastable" || recovery.verdict === "overloaded" || recovery.verdict === "open";
  const most = Math.max(findPeak(load.offeredPerSecond), findPeak(load.attemptsPerSecond));
  const line = (label: string, values: readonly number[], top: number, unit: string): string =>
    `  ${label.padEnd(9)} ${drawSparkline(values, top)} ${formatNumber(findPeak(values))}${unit}`;
  return [
    `${painter.strong(name)}  ${isBad ? painter.bad(formatVerdict(result)) : painter.good(formatVerdict(result))}`,
    // One scale for what is counted per second, so that the lines can be held against each other.
    line("offered", load.offeredPerSecond, most, "/s"),
    line("attempts", load.attemptsPerSecond, most, "/s"),
    line("goodput", load.goodputPerSecond, most, "/s"),
    line("queue", load.queue, findPeak(load.queue), ""),
    painter.faint(`            0${formatSeconds(endMs).padStart(columns - 1)}  (peaks on the right)`),
  ];
}

/** The values as blocks, each as high as the most of those that it stands for; what is not 0 is seen. */
export function drawSparkline(values: readonly number[], top: number, width = columns): string {
  return Array.from({ length: width }, (_, column) => {
    const from = Math.floor((column * values.length) / width);
    const to = Math.max(from + 1, Math.floor(((column + 1) * values.length) / width));
    const value = findPeak(values.slice(from, to));
    return value === 0 ? " " : blocks[Math.min(blocks.length - 1, Math.floor((value / top) * blocks.length))];
  }).join("");
}

function formatMeasures(results: readonly StormResult[], painter: Painter): string[] {
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
