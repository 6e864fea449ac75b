import { escapeXml } from "./junit-report.ts";
import { countVerdicts, type CaseResult, type VerifyReport } from "./report.ts";

/** The report as one page: no script, no file beside it. */
export function formatHtml(
  report: Pick<VerifyReport, "url" | "method" | "cases" | "timeMs"> & { profile: string },
): string {
  const { url, method, profile, cases } = report;
  const title = escapeXml(`${method} ${url}, by ${profile}`);
  const counts = `${countVerdicts(report, "pass")} passed, ${countVerdicts(report, "fail")} failed, ${countVerdicts(report, "warn")} warned, ${countVerdicts(report, "not-applicable")} not applicable`;
  const groups = [...Map.groupBy(cases, ({ group }) => group)];
  return [
    "<!doctype html>",
    '<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    `<title>${title}</title>`,
    `<style>${style}</style>`,
    `<h1>${title}</h1>`,
    `<p>${counts}, in ${(report.timeMs / 1000).toFixed(1)} s</p>`,
    ...groups.flatMap(([group, results]) => [
      `<h2>${escapeXml(group)}</h2>`,
      "<table><thead><tr><th>verdict</th><th>case</th><th>observed</th></tr></thead><tbody>",
      ...results.map(formatRow),
      "</tbody></table>",
    ]),
    "</html>",
    "",
  ].join("\n");
}

const style =
  ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}" +
  "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.25rem .75rem;border-bottom:1px solid #8884}" +
  "td:first-child{white-space:nowrap}.fail td:first-child{color:#c00;font-weight:bold}.warn td:first-child{color:#a60}small{display:block;opacity:.8}";

function formatRow({ id, title, kind, observed, reason, rule }: CaseResult): string {
  const isFine = kind === "pass" || kind === "not-applicable";
  const why = isFine ? "" : `<small>${escapeXml(reason)}</small>`;
  const link = `<a href="${escapeXml(rule)}">${escapeXml(id)}</a>`;
  return `<tr class="${kind}"><td>${kind}</td><td>${link} ${escapeXml(title)}${why}</td><td>${escapeXml(observed)}</td></tr>`;
}
