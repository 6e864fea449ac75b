import { countVerdicts, type CaseResult, type VerifyReport } from "./report.ts";

/** The report in JUnit's XML, as CI systems read it. A warning is a passed test with output. */
export function formatJunit(report: Pick<VerifyReport, "url" | "method" | "cases" | "timeMs">): string {
  const { url, method, cases, timeMs } = report;
  const counts = `tests="${cases.length}" failures="${countVerdicts(report, "fail")}" skipped="${countVerdicts(report, "not-applicable")}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts} time="${formatSeconds(timeMs)}">`,
    `  <testsuite name="${escapeXml(`${method} ${url}`)}" ${counts} errors="0" time="${formatSeconds(timeMs)}">`,
    ...cases.map(formatCase),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function formatCase({ id, title, group, kind, observed, reason, rule, timeMs }: CaseResult): string {
  const open = `    <testcase classname="${escapeXml(group)}" name="${escapeXml(`${id} ${title}`)}" time="${formatSeconds(timeMs)}"`;
  const said = escapeXml(`${observed}\n${reason}\n${rule}`);
  switch (kind) {
    case "pass":
      return `${open}/>`;
    case "not-applicable":
      return `${open}><skipped message="${escapeXml(observed)}"/></testcase>`;
    case "warn":
      return `${open}><system-out>${said}</system-out></testcase>`;
    case "fail":
      return `${open}><failure message="${escapeXml(observed)}">${said}</failure></testcase>`;
  }
}

const formatSeconds = (ms: number): string => (ms / 1000).toFixed(3);

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Text as XML and HTML write it. */
export const escapeXml = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => entities[character]!);
