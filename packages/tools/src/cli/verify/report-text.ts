import type { Painter } from "../../lab/report.ts";
import { type CaseResult, countOf, type Verdict, type VerifyReport } from "../../verify/index.ts";

/** What a run found, for people; each line is ended by a line feed. */
export function reportText(report: VerifyReport, painter: Painter): string {
  const { method, url, strictness, effects, requests, timeMs, findings } = report;
  const width = Math.max(...findings.map(({ question }) => question.length));
  const lines = [
    painter.strong(`${method} ${url}`),
    painter.faint(
      `judged by ${strictness}, effects ${effects}; ${requests} requests in ${(timeMs / 1000).toFixed(1)} s`,
    ),
    "",
    painter.strong("What this server does"),
    ...findings.map(({ question, answer }) => `  ${question.padEnd(width)}  ${answer}`),
    ...groupsOf(report.cases).flatMap((cases) => groupLines(cases, painter)),
    "",
    summary(report, painter),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

const groupsOf = (cases: readonly CaseResult[]): (readonly CaseResult[])[] => [
  ...Map.groupBy(cases, ({ group }) => group).values(),
];

function groupLines(cases: readonly CaseResult[], painter: Painter): string[] {
  return ["", painter.strong(cases[0]!.group), ...cases.flatMap((result) => caseLines(result, painter))];
}

const marks: Readonly<Record<Verdict["kind"], string>> = { pass: "✓", fail: "✗", warn: "!", "not-applicable": "-" };

/** What is as it should be takes one line; the rest says what was seen, why that matters, and where the rule is. */
function caseLines({ id, title, kind, observed, reason, rule }: CaseResult, painter: Painter): string[] {
  const line = `  ${marks[kind]} ${id}  ${title}`;
  switch (kind) {
    case "pass":
      return [painter.good(`  ${marks.pass}`) + line.slice(3)];
    case "not-applicable":
      return [painter.faint(line), painter.faint(`         not applicable: ${observed}`)];
    case "warn":
    case "fail":
      return [
        kind === "fail" ? painter.bad(line) : painter.strong(line),
        `         ${observed}`,
        painter.faint(`         ${reason}`),
        painter.faint(`         ${rule}`),
      ];
  }
}

function summary(report: VerifyReport, painter: Painter): string {
  const failed = countOf(report, "fail");
  const text =
    `${countOf(report, "pass")} passed, ${failed} failed, ${countOf(report, "warn")} warned, ` +
    `${countOf(report, "not-applicable")} not applicable`;
  return failed > 0 ? painter.bad(text) : painter.good(text);
}
