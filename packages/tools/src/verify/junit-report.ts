import { countOf, type CaseResult, type VerifyReport } from "./report.ts";

/** The report in JUnit's XML, as CI systems read it. A warning is a passed test with output. */
export function junitReport(report: VerifyReport): string {
  const { url, method, cases, timeMs } = report;
  const counts = `tests="${cases.length}" failures="${countOf(report, "fail")}" skipped="${countOf(report, "not-applicable")}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts} time="${seconds(timeMs)}">`,
    `  <testsuite name="${escaped(`${method} ${url}`)}" ${counts} errors="0" time="${seconds(timeMs)}">`,
    ...cases.map(testcase),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function testcase({ id, title, group, kind, observed, reason, rule, timeMs }: CaseResult): string {
  const open = `    <testcase classname="${escaped(group)}" name="${escaped(`${id} ${title}`)}" time="${seconds(timeMs)}"`;
  const said = escaped(`${observed}\n${reason}\n${rule}`);
  switch (kind) {
    case "pass":
      return `${open}/>`;
    case "not-applicable":
      return `${open}><skipped message="${escaped(observed)}"/></testcase>`;
    case "warn":
      return `${open}><system-out>${said}</system-out></testcase>`;
    case "fail":
      return `${open}><failure message="${escaped(observed)}">${said}</failure></testcase>`;
  }
}

const seconds = (ms: number): string => (ms / 1000).toFixed(3);

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => entities[character]!);
