import type { Painter } from "once-again/internal/command";
import type { StormResult, StormTrials } from "../../simulator/index.ts";
import {
  measures,
  findPeak,
  findPeakSecond,
  formatNumber,
  formatPercent,
  formatSeconds,
  formatVerdict,
} from "../../console/storms/format.ts";

const columns = 60;
const blocks = "▁▂▃▄▅▆▇█";

/** Storms for people: the load over time of each, and their measures side by side; each line is ended by a line feed. */
export function formatStorms(
  results: readonly StormResult[],
  trials: readonly StormTrials[] | undefined,
  painter: Painter,
): string {
  const lines = [
    ...results.flatMap((result) => [...formatStorm(result, painter), ""]),
    ...formatMeasures(results, painter),
    "",
    ...(trials === undefined
      ? [painter.faint("One seed each. --trials 100 says how often each collapses, by other seeds.")]
      : formatTrials(trials, painter)),
    ...(results.length === 1 ? ["", painter.strong("To paste"), ...results[0]!.code.trimEnd().split("\n")] : []),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

function formatStorm(result: StormResult, painter: Painter): string[] {
  const { endMs, load, name, recovery } = result;
  const isBad = recovery.verdict === "metastable" || recovery.verdict === "overloaded" || recovery.verdict === "open";
  const most = Math.max(findPeak(load.offeredPerSecond), findPeak(load.attemptsPerSecond));
  const line = (label: string, values: readonly number[], top: number, peak: string): string =>
    `  ${label.padEnd(9)} ${drawSparkline(values, top)} ${peak}`;
  const rateLine = (label: string, values: readonly number[]): string =>
    line(label, values, most, `${formatNumber(findPeakSecond(values, load.stepMs))}/s`);
  return [
    `${painter.strong(name)}  ${isBad ? painter.bad(formatVerdict(result)) : painter.good(formatVerdict(result))}`,
    // One scale for what is counted per second, so that the lines can be held against each other.
    rateLine("offered", load.offeredPerSecond),
    rateLine("attempts", load.attemptsPerSecond),
    rateLine("goodput", load.goodputPerSecond),
    line("queue", load.queue, findPeak(load.queue), formatNumber(findPeak(load.queue))),
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

/** How often each storm collapses: its runs may have two peaks, of which a single seed shows one. */
function formatTrials(trials: readonly StormTrials[], painter: Painter): string[] {
  const width = Math.max(...trials.map(({ name }) => name.length));
  const share = (value: number | null): string => (value === null ? "-" : formatPercent(value));
  const [{ seed, trials: count }] = trials as [StormTrials];
  return [
    painter.strong(`Seeds ${seed} to ${seed + count - 1}: collapsed, if less than half of the calls succeeded`),
    painter.faint(`${"".padEnd(width)}  collapsed  succeeded, if collapsed  succeeded, if not`),
    ...trials.map(
      ({ collapsed, name, succeeded }) =>
        `${name.padEnd(width)}  ${formatPercent(collapsed).padStart(9)}  ${share(succeeded.collapsed).padStart(23)}  ${share(succeeded.others).padStart(17)}`,
    ),
  ];
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
