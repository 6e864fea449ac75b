import { formatPercent } from "../../packages/tools/src/console/storms/format.ts";
import { hasCollapsed } from "../../packages/tools/src/simulator/trials.ts";
import { median } from "../measure.ts";
import { axes, type GridRun, gridRuns, type PolicyName, policies, seedsPerCell } from "./grid.ts";
import type { GridResult } from "./run-grid.ts";

/** A cell of the grid: the medians of its seeds, and how far they are apart. */
export interface Cell extends Omit<GridRun, "seed"> {
  readonly calls: number;
  /** The share of the calls that succeeded: the median, and the seed with the least. */
  readonly succeeded: number;
  readonly succeededMin: number;
  /** The share of the seeds that collapsed: between 0 and 1 the runs have two peaks, and a median says nothing. */
  readonly collapsed: number;
  /** Requests that reached the last service for each call: the median, and the seed with the most. */
  readonly amplification: number;
  readonly amplificationMax: number;
  /** The share of the last service's work that was of no use. */
  readonly wasted: number;
}

/** The cells of all runs, in their order. */
export function cellsOf(results: readonly GridResult[]): Cell[] {
  return Array.from({ length: results.length / seedsPerCell }, (_, index) => {
    const at = index * seedsPerCell;
    return cellOf(gridRuns[at]!, results.slice(at, at + seedsPerCell));
  });
}

export function cellOf({ load, outageSeconds, policy, layers }: GridRun, seeds: readonly GridResult[]): Cell {
  const shares = seeds.map(({ succeeded, calls }) => succeeded / calls);
  const amplifications = seeds.map(({ amplification }) => amplification);
  return {
    ...{ load, outageSeconds, policy, layers },
    calls: Math.round(median(seeds.map(({ calls }) => calls))),
    succeeded: round(median(shares)),
    succeededMin: round(Math.min(...shares)),
    collapsed: round(seeds.filter(isCollapsed).length / seeds.length),
    amplification: round(median(amplifications)),
    amplificationMax: round(Math.max(...amplifications)),
    wasted: round(median(seeds.map(({ wastedRatio }) => wastedRatio))),
  };
}

const isCollapsed = ({ calls, succeeded }: GridResult): boolean => hasCollapsed({ begun: calls, succeeded });

const round = (value: number): number => Number(value.toFixed(4));

const head =
  "load,outage_seconds,policy,layers,seeds,calls,succeeded,succeeded_min,collapsed,amplification,amplification_max,wasted";

export function writeCells(cells: readonly Cell[]): string {
  const rows = cells.map((cell) =>
    [
      ...[cell.load, cell.outageSeconds, `"${cell.policy}"`, cell.layers, `1-${seedsPerCell}`, cell.calls],
      ...[cell.succeeded, cell.succeededMin, cell.collapsed, cell.amplification, cell.amplificationMax, cell.wasted],
    ].join(","),
  );
  return `${[head, ...rows].join("\n")}\n`;
}

/** @throws Error for a file that is not as `writeCells` writes it. */
export function readCells(text: string): Cell[] {
  const [first, ...rows] = text.trimEnd().split("\n");
  if (first !== head) throw new Error("The data have another head: run npm run data:storms.");
  return rows.map((row) => {
    const [, load, outageSeconds, policy, layers, , ...numbers] = /^([^,]*),([^,]*),"([^"]*)",([^,]*),([^,]*),(.*)$/
      .exec(row)!
      .flatMap((part, at) => (at === 6 ? part.split(",") : [part]));
    const [calls, succeeded, succeededMin, collapsed, amplification, amplificationMax, wasted] = numbers.map(Number);
    return {
      load: Number(load),
      outageSeconds: Number(outageSeconds),
      policy: policy as PolicyName,
      layers: Number(layers),
      ...{ calls: calls!, succeeded: succeeded!, succeededMin: succeededMin!, collapsed: collapsed! },
      ...{ amplification: amplification!, amplificationMax: amplificationMax!, wasted: wasted! },
    };
  });
}

const policyNames = Object.keys(policies) as PolicyName[];

/** The runs of the guide's table: each policy at 80% load and an outage of five seconds, with one layer. */
export const collapseRuns = (seeds: number): GridRun[] =>
  policyNames.flatMap((policy) =>
    Array.from({ length: seeds }, (_, at) => ({ load: 0.8, outageSeconds: 5, policy, layers: 1, seed: at + 1 })),
  );

/** The guide's table, of runs as `collapseRuns` makes them: where runs have two peaks, a median says nothing. */
export function collapseTable(results: readonly GridResult[]): string {
  const seeds = results.length / policyNames.length;
  const rows = policyNames.map((policy, at) => {
    const runs = results.slice(at * seeds, (at + 1) * seeds);
    const collapsed = runs.filter(isCollapsed);
    const others = runs.filter((run) => !collapsed.includes(run));
    return [policy, `${round((100 * collapsed.length) / seeds)}%`, formatSucceeded(collapsed), formatSucceeded(others)];
  });
  const head = ["policy", "collapsed", "succeeded, if so", "if not"];
  return `${[head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`;
}

const formatSucceeded = (runs: readonly GridResult[]): string =>
  runs.length === 0 ? "" : formatPercent(median(runs.map(({ calls, succeeded }) => succeeded / calls)));

/** One line of a plot. */
interface Line {
  readonly label: string;
  readonly points: readonly (readonly [number, number])[];
}

/** Requests for each call over the outage, a panel for each policy and a line for each number of layers. */
export function drawAmplification(cells: readonly Cell[], load: number): string {
  return drawPanels(
    `Requests at the last service for each call, over the length of an outage (seconds), at ${100 * load}% load`,
    (policy) =>
      axes.layers.map((layers) => ({
        label: `${layers} ${layers === 1 ? "layer" : "layers"}`,
        points: cells
          .filter((cell) => cell.policy === policy && cell.layers === layers && cell.load === load)
          .map(({ outageSeconds, amplification }) => [outageSeconds, amplification] as const),
      })),
    Math.max(...cells.filter((cell) => cell.load === load).map(({ amplification }) => amplification)),
  );
}

/** The share of calls that succeeded over the load, a panel for each policy and a line for each outage. */
export function drawSuccess(cells: readonly Cell[], layers: number): string {
  return drawPanels(
    `Share of calls that succeeded, over the load, with ${layers} ${layers === 1 ? "layer" : "layers"} of retries`,
    (policy) =>
      axes.outages.map((outage) => ({
        label: outage === 0 ? "no outage" : `${outage} s`,
        points: cells
          .filter((cell) => cell.policy === policy && cell.layers === layers && cell.outageSeconds === outage)
          .map(({ load, succeeded }) => [load, succeeded] as const),
      })),
    1,
  );
}

const colours = ["#1b6ca8", "#2a9d8f", "#e9a21f", "#d1495b", "#6c4a8b"];
const [width, height, gap, marginLeft, marginTop] = [170, 150, 22, 40, 58];

function drawPanels(title: string, linesOf: (policy: PolicyName) => readonly Line[], top: number): string {
  const names = Object.keys(policies) as PolicyName[];
  const [whole, high] = [marginLeft + names.length * (width + gap), marginTop + height + 46];
  const panels = names.map((policy, index) => {
    const lines = linesOf(policy);
    const xs = lines.flatMap(({ points }) => points.map(([x]) => x));
    const [from, to] = [Math.min(...xs), Math.max(...xs)];
    const x = (value: number): string => (((value - from) / (to - from)) * width).toFixed(1);
    const y = (value: number): string => (height - (value / top) * height).toFixed(1);
    const paths = lines.map(
      ({ points }, at) =>
        `<polyline fill="none" stroke="${colours[at]}" stroke-width="2" points="${points.map(([px, py]) => `${x(px)},${y(py)}`).join(" ")}"/>`,
    );
    const label = `<text x="0" y="-8" font-size="11">${policy}</text>`;
    const axis = `<text x="0" y="${height + 15}">${from}</text><text x="${width}" y="${height + 15}" text-anchor="end">${to}</text>`;
    const frame = `<rect width="${width}" height="${height}" fill="none" stroke="#999"/>`;
    return `<g transform="translate(${marginLeft + index * (width + gap)} ${marginTop})">${frame}${label}${axis}${paths.join("")}</g>`;
  });
  const scale = [0, top / 2, top].map(
    (value) =>
      `<text x="${marginLeft - 6}" y="${marginTop + height - (value / top) * height + 4}" text-anchor="end">${Number(value.toFixed(2))}</text>`,
  );
  const legend = linesOf(names[0]!).map(
    ({ label }, at) => `<text x="${marginLeft + at * 90}" y="${high - 6}" fill="${colours[at]}">${label}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${whole} ${high}" font-family="sans-serif" font-size="11" role="img">`,
    `<title>${title}</title><rect width="${whole}" height="${high}" fill="#fff"/>`,
    `<text x="${marginLeft}" y="20" font-size="13">${title}</text>`,
    ...panels,
    ...scale,
    ...legend,
    "</svg>\n",
  ].join("\n");
}
