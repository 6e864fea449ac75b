import type { StormResult } from "../../simulator/index.ts";
import { chartSize, chartStyle, escapeXml, drawHerd, drawLoad, makeScales } from "./storm-charts.ts";
import { measures, formatVerdict } from "../../console/storms/format.ts";

const rowHeight = chartSize.height + 34;
const legendHeight = 26;

/** Storms as one SVG picture: a row for each, with its load over time and its herd. */
export function drawStorms(results: readonly StormResult[]): string {
  const scales = makeScales(results);
  const [width, height] = [2 * chartSize.width, results.length * rowHeight + legendHeight];
  const rows = results.map((result, index) => {
    const y = index * rowHeight;
    return `<text class="name" x="16" y="${y + 24}">${escapeXml(result.name)}: ${escapeXml(formatVerdict(result))}</text>
<g transform="translate(0 ${y + 34})">${drawLoad(result, scales)}</g>
<g transform="translate(${chartSize.width} ${y + 34})">${drawHerd(result, scales)}</g>`;
  });
  const about = results
    .map((result) => `${result.name}: ${formatVerdict(result)}, ${formatMeasures(result)}`)
    .join(". ");
  return `<svg class="storm" role="img" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<title>Retry storms: load over time, and when callers call</title>
<desc>${escapeXml(about)}.</desc>
<style>${chartStyle}</style>
<rect class="paper" width="${width}" height="${height}"/>
${rows.join("\n")}
${drawLegend(results.length * rowHeight + 14)}
</svg>
`;
}

const formatMeasures = (result: StormResult): string =>
  measures.map(([heading, value]) => `${heading} ${value(result)}`).join(", ");

function drawLegend(y: number): string {
  const kinds = ["attempts", "goodput", "offered"];
  const lines = kinds.map((kind, index) => {
    const x = 56 + index * 110;
    return `<path class="line ${kind}" d="M${x} ${y - 4}h24"/><text x="${x + 30}" y="${y}">${kind}</text>`;
  });
  const x = chartSize.width + 56;
  return [
    ...lines,
    `<path class="line first" d="M${x} ${y - 4}h6"/><text x="${x + 12}" y="${y}">first attempt</text>`,
    `<path class="line again" d="M${x + 110} ${y - 4}h6"/><text x="${x + 122}" y="${y}">retry</text>`,
    `<rect class="down" x="${x + 190}" y="${y - 10}" width="14" height="12"/><text x="${x + 210}" y="${y}">outage</text>`,
  ].join("\n");
}
