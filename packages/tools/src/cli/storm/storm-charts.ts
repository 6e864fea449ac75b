import type { StormResult } from "../../simulator/index.ts";
import { type Scale, scaleTo } from "./scale.ts";
import { formatNumber, findPeak, findPeakSecond, formatVerdict } from "../../console/storms/format.ts";

/** The scales that the charts of compared storms share. */
export interface Scales {
  readonly untilMs: number;
  /** Of the herds. With callers who come at random they are short: those around the outage. */
  readonly herdUntilMs: number;
  readonly perSecondMost: number;
  readonly queueMost: number;
}

export const chartSize = { width: 460, height: 230 } as const;
const plot = { left: 56, right: 12, top: 12, bottom: 34 } as const;

export function makeScales(results: readonly StormResult[]): Scales {
  const most = (values: (result: StormResult) => readonly number[]): number =>
    findPeak(results.map((one) => findPeak(values(one))));
  const untilMs = findPeak(results.map(({ endMs }) => endMs));
  const isAtOnce = results.every(({ settings }) => settings.arrivals.kind === "at-once");
  return {
    untilMs,
    herdUntilMs: isAtOnce
      ? untilMs
      : Math.max(
          1000,
          most(({ herd }) => herd.atMs),
        ),
    perSecondMost: Math.max(
      most(({ load }) => load.offeredPerSecond),
      most(({ load }) => load.attemptsPerSecond),
    ),
    queueMost: most(({ load }) => load.queue),
  };
}

/** The colours, light and dark, as CSS for an SVG document or a page; each kind has a shape beside its colour. */
export const chartStyle = `
.storm { --ink: #1f2328; --faint: #59636e; --grid: #d1d9e0; --paper: #ffffff; --attempts: #c2410c; --goodput: #15803d; --offered: #59636e; --queue: #2563eb; --down: #cf222e; }
@media (prefers-color-scheme: dark) { .storm { --ink: #e6edf3; --faint: #9198a1; --grid: #3d444d; --paper: #0d1117; --attempts: #fb923c; --goodput: #4ade80; --offered: #9198a1; --queue: #60a5fa; --down: #ff7b72; } }
.storm text { fill: var(--faint); font: 11px system-ui, sans-serif; }
.storm .name { fill: var(--ink); font-size: 14px; font-weight: 600; }
.storm .paper { fill: var(--paper); }
.storm .grid { stroke: var(--grid); stroke-width: 0.5; }
.storm .line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.storm .attempts { stroke: var(--attempts); }
.storm .goodput { stroke: var(--goodput); stroke-width: 2.4; }
.storm .offered { stroke: var(--offered); stroke-dasharray: 4 3; }
.storm .queue { stroke: var(--queue); }
.storm .down { fill: var(--down); opacity: 0.12; }
.storm .dots { fill: none; stroke-width: 1.8; stroke-linecap: round; }
.storm .first { stroke: var(--offered); }
.storm .again { stroke: var(--attempts); }
`.trim();

/** Attempts, goodput and first attempts per second over time. */
export function drawLoad(result: StormResult, { perSecondMost, untilMs }: Scales): string {
  const { load } = result;
  const about = `Up to ${formatNumber(findPeakSecond(load.attemptsPerSecond, load.stepMs))} attempts per second. ${formatVerdict(result)}.`;
  const up = verticalTo(perSecondMost);
  const lines = [
    drawLine(load.offeredPerSecond, load.stepMs, untilMs, up, "offered"),
    drawLine(load.attemptsPerSecond, load.stepMs, untilMs, up, "attempts"),
    drawLine(load.goodputPerSecond, load.stepMs, untilMs, up, "goodput"),
  ];
  return drawChart(`Load over time: ${result.name}`, about, drawFrame(result, untilMs, up, "per second"), lines);
}

/** The queue over time. */
export function drawQueue(result: StormResult, { queueMost, untilMs }: Scales): string {
  const { load } = result;
  const up = verticalTo(queueMost);
  const about = `Up to ${formatNumber(findPeak(load.queue))} requests wait.`;
  const lines = [drawLine(load.queue, load.stepMs, untilMs, up, "queue")];
  return drawChart(`Queue over time: ${result.name}`, about, drawFrame(result, untilMs, up, "waiting"), lines);
}

/** Each attempt of some callers as a dot: a caller is a row, and a herd stands above each other. */
export function drawHerd(result: StormResult, { herdUntilMs }: Scales): string {
  const { atMs, attempt, caller, callers } = result.herd;
  const [across, up] = [acrossTo(herdUntilMs), verticalTo(callers)];
  // A dot is a line of no length with round ends: a path of thousands is a tenth of as many circles.
  const dots = (isOne: (attempt: number) => boolean): string =>
    atMs
      .map((ms, index) => (isOne(attempt[index]!) ? `M${round(across.at(ms))} ${round(up.at(caller[index]!))}h0` : ""))
      .join("");
  const marks = [
    `<path class="dots first" d="${dots((number) => number === 1)}"/>`,
    `<path class="dots again" d="${dots((number) => number > 1)}"/>`,
  ];
  const about = `${formatNumber(atMs.length)} attempts of ${formatNumber(callers)} callers; the first ones are grey, the others coloured.`;
  return drawChart(`When callers call: ${result.name}`, about, drawFrame(result, herdUntilMs, up, "callers"), marks);
}

const acrossTo = (untilMs: number): Scale => scaleTo(untilMs, [plot.left, chartSize.width - plot.right], 6);
const verticalTo = (most: number): Scale => scaleTo(most, [chartSize.height - plot.bottom, plot.top]);

function drawLine(values: readonly number[], stepMs: number, untilMs: number, up: Scale, kind: string): string {
  const across = acrossTo(untilMs);
  const points = values.map((value, index) => `${round(across.at((index + 0.5) * stepMs))} ${round(up.at(value))}`);
  return `<path class="line ${kind}" d="M${points.join("L")}"/>`;
}

function drawFrame(result: StormResult, untilMs: number, up: Scale, unit: string): string[] {
  const across = acrossTo(untilMs);
  const [bottom, right] = [chartSize.height - plot.bottom, chartSize.width - plot.right];
  const downs = result.settings.outages.map(({ fromMs, toMs }) => {
    const [from, to] = [across.at(Math.min(fromMs, across.max)), across.at(Math.min(toMs, across.max))];
    return `<rect class="down" x="${round(from)}" y="${plot.top}" width="${round(to - from)}" height="${bottom - plot.top}"/>`;
  });
  const sides = up.ticks.map((tick) => {
    const y = round(up.at(tick));
    const label = tick >= 10_000 ? `${tick / 1000}k` : String(Number(tick.toPrecision(6)));
    return `<path class="grid" d="M${plot.left} ${y}H${right}"/><text x="${plot.left - 6}" y="${y + 4}" text-anchor="end">${label}</text>`;
  });
  const feet = across.ticks.map(
    (tick) => `<text x="${round(across.at(tick))}" y="${bottom + 15}" text-anchor="middle">${tick / 1000}</text>`,
  );
  const names = `<text x="${right}" y="${bottom + 29}" text-anchor="end">seconds</text><text x="${plot.left}" y="${bottom + 29}">${unit}</text>`;
  return [...downs, ...sides, ...feet, names];
}

function drawChart(title: string, about: string, frame: readonly string[], marks: readonly string[]): string {
  const { height, width } = chartSize;
  const label = escapeXml(`${title}. ${about}`);
  return `<svg class="storm" role="img" aria-label="${label}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" xmlns="http://www.w3.org/2000/svg">
<rect class="paper" width="${width}" height="${height}"/>
${[...frame, ...marks].join("\n")}
</svg>`;
}

/** Tenths are as fine as anybody sees. */
const round = (place: number): number => Math.round(place * 10) / 10;

export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
