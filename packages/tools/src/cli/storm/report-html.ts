import type { StormResult } from "../../simulator/index.ts";
import { chartStyle, escapeXml, drawHerd, drawLoad, drawQueue, type Scales, makeScales } from "./storm-charts.ts";
import { measures, formatVerdict } from "../../console/storms/format.ts";

const pageStyle = `
:root { color-scheme: light dark; --text: #1f2328; --dim: #59636e; --rule: #d1d9e0; --page: #ffffff; --code: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --dim: #9198a1; --rule: #3d444d; --page: #0d1117; --code: #151b23; } }
body { margin: 0 auto; max-width: 66rem; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 0.25rem; } p { margin: 0.25rem 0 1rem; }
.key { color: var(--dim); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.35rem 0.5rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td:nth-child(2) { white-space: normal; }
thead th { color: var(--dim); font-weight: 500; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 0.5rem; }
figure { margin: 0; } figcaption { color: var(--dim); font-size: 0.85rem; }
svg.storm { width: 100%; height: auto; }
pre { background: var(--code); padding: 0.8rem 1rem; overflow-x: auto; border-radius: 6px; font-size: 0.85rem; }
summary { cursor: pointer; }
`.trim();

/** Storms as a page that needs nothing else: no script, no font, no picture from elsewhere. */
export function formatHtml(results: readonly StormResult[]): string {
  const scales = makeScales(results);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Retry storms: ${escapeXml(results.map(({ name }) => name).join(", "))}</title>
<style>
${pageStyle}
${chartStyle}
</style>
</head>
<body>
<main>
<h1>Retry storms</h1>
<p class="key">Simulated by <code>once-again storm</code>, seed ${results[0]?.settings.seed}. The scales are the same in all charts of a kind; an outage is shaded.</p>
${formatComparison(results)}
${results.map((result) => formatSection(result, scales)).join("\n")}
</main>
</body>
</html>
`;
}

function formatComparison(results: readonly StormResult[]): string {
  const heads = ["policy", "the service", ...measures.map(([heading]) => heading)];
  const rows = results.map((result) => {
    const cells = [formatVerdict(result), ...measures.map(([, value]) => value(result))];
    return `<tr><th scope="row">${escapeXml(result.name)}</th>${cells.map((cell) => `<td>${escapeXml(cell)}</td>`).join("")}</tr>`;
  });
  return `<div class="scroll" tabindex="0" role="region" aria-label="Comparison">
<table>
<thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join("")}</tr></thead>
<tbody>
${rows.join("\n")}
</tbody>
</table>
</div>`;
}

function formatSection(result: StormResult, scales: Scales): string {
  const figure = (chart: string, caption: string): string =>
    `<figure>${chart}<figcaption>${caption}</figcaption></figure>`;
  return `<section>
<h2>${escapeXml(result.name)}</h2>
<p>${escapeXml(formatVerdict(result))}</p>
<div class="charts">
${figure(drawLoad(result, scales), "Attempts (solid), goodput (thick) and first attempts (dashed), per second")}
${figure(drawQueue(result, scales), "Requests that wait")}
${figure(drawHerd(result, scales), "Some callers, a row each: first attempts grey, retries coloured")}
</div>
<details><summary>The policy, to paste</summary>
<pre><code>${escapeXml(result.code)}</code></pre></details>
<details><summary>All settings</summary>
<pre><code>${escapeXml(JSON.stringify(result.settings, undefined, 2))}</code></pre></details>
</section>`;
}
