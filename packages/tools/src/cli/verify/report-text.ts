import type { Painter } from "once-again/internal/command";
import { type CaseResult, countVerdicts, type Verdict, type VerifyReport } from "../../verify/index.ts";

/** The report of a run, for people; each line is ended by a line feed. */
export function formatReport(report: VerifyReport, painter: Painter): string {
  const { method, url, profile, strictness, effects, requests, timeMs, findings } = report;
  const width = Math.max(...findings.map(({ question }) => question.length));
  const lines = [
    painter.strong(`${method} ${url}`),
    painter.faint(
      `judged by ${profile === "draft" ? strictness : profile}, effects ${effects}; ${requests} requests in ${(timeMs / 1000).toFixed(1)} s`,
    ),
    "",
    painter.strong("What this server does"),
    ...findings.map(({ question, answer }) => `  ${question.padEnd(width)}  ${answer}`),
    ...formatCases(report.cases, painter),
    "",
    formatSummary(report, painter),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** The cases by their groups, a line each, and more for what is not as it should be. */
export const formatCases = (cases: readonly CaseResult[], painter: Painter): readonly string[] =>
  groupCases(cases).flatMap((group) => formatGroup(group, painter));

const groupCases = (cases: readonly CaseResult[]): (readonly CaseResult[])[] => [
  ...Map.groupBy(cases, ({ group }) => group).values(),
];

function formatGroup(cases: readonly CaseResult[], painter: Painter): string[] {
  return ["", painter.strong(cases[0]!.group), ...cases.flatMap((result) => formatCase(result, painter))];
}

const marks: Readonly<Record<Verdict["kind"], string>> = { pass: "✓", fail: "✗", warn: "!", "not-applicable": "-" };

/** A case that is as it should be takes one line; any other says what was seen, why that matters, and where the rule is. */
function formatCase({ id, title, kind, observed, reason, rule }: CaseResult, painter: Painter): string[] {
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

/** How many cases have which verdict. */
export function formatSummary(report: Pick<VerifyReport, "cases">, painter: Painter): string {
  const failed = countVerdicts(report, "fail");
  const text =
    `${countVerdicts(report, "pass")} passed, ${failed} failed, ${countVerdicts(report, "warn")} warned, ` +
    `${countVerdicts(report, "not-applicable")} not applicable`;
  return failed > 0 ? painter.bad(text) : painter.good(text);
}
