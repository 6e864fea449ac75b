import type { ServerMeasured } from "./run.ts";

const width = 920;
const labelWidth = 330;
const rowHeight = 30;
const barHeight = 10;
const groupGap = 34;
const bottom = 30;

const style = `.speed { --ink: #1f2328; --faint: #59636e; --grid: #d1d9e0; --paper: #ffffff; --first: #c2410c; --replay: #2563eb; }
@media (prefers-color-scheme: dark) { .speed { --ink: #e6edf3; --faint: #9198a1; --grid: #3d444d; --paper: #0d1117; --first: #fb923c; --replay: #60a5fa; } }
.speed text { fill: var(--faint); font: 12px system-ui, sans-serif; }
.speed .name { fill: var(--ink); }
.speed .group { fill: var(--ink); font-size: 14px; font-weight: 600; }
.speed .paper { fill: var(--paper); }
.speed .grid { stroke: var(--grid); }
.speed .first { fill: var(--first); }
.speed .replay { fill: var(--replay); }`;

/** The ratios to the baselines as bars: a group for each framework and store, two bars for each row. */
export function plot(measured: readonly ServerMeasured[]): string {
  const ratioMax = Math.max(1.2, ...measured.flatMap(({ ratios }) => [ratios.firstPerSecond, ratios.replayPerSecond]));
  // A replay that saves a database's work can be many times as fast: it leaves the picture, with its figure.
  const shownMax = Math.min(ratioMax, 2.5);
  const x = (ratio: number): number => labelWidth + (Math.min(ratio, shownMax) / shownMax) * (width - labelWidth - 60);
  const parts: string[] = [];
  let y = 10;
  let group = "";
  for (const { framework, store, name, ratios } of measured) {
    if (group !== `${framework} + ${store}`) {
      group = `${framework} + ${store}`;
      y += groupGap;
      parts.push(`<text class="group" x="10" y="${y - 10}">${group}</text>`);
    }
    parts.push(`<text class="name" x="10" y="${y + 14}">${name}</text>`);
    for (const [index, [kind, ratio]] of (
      [
        ["first", ratios.firstPerSecond],
        ["replay", ratios.replayPerSecond],
      ] as const
    ).entries()) {
      const top = y + 2 + index * (barHeight + 2);
      const length = (x(ratio) - labelWidth).toFixed(1);
      parts.push(
        `<rect class="${kind}" x="${labelWidth}" y="${top}" width="${length}" height="${barHeight}"/>`,
        `<text x="${(x(ratio) + 6).toFixed(1)}" y="${top + 9}">${ratio.toFixed(2)}</text>`,
      );
    }
    y += rowHeight;
  }
  const one = x(1).toFixed(1);
  const height = y + bottom;
  return `<svg class="speed" role="img" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<title>Requests per second with idempotency keys, as a ratio to the same server without</title>
<style>${style}</style>
<rect class="paper" width="100%" height="100%"/>
<line class="grid" x1="${one}" y1="20" x2="${one}" y2="${y}"/>
${parts.join("\n")}
<rect class="first" x="10" y="${y + 8}" width="10" height="10"/><text x="26" y="${y + 17}">new keys (first)</text>
<rect class="replay" x="150" y="${y + 8}" width="10" height="10"/><text x="166" y="${y + 17}">repeated keys (replay)</text>
</svg>
`;
}
