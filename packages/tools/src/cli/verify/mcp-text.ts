import type { Painter } from "once-again/internal/command";
import type { McpVerifyReport, PlannedMcpCase } from "../../verify/index.ts";
import { formatCases, formatSummary } from "./report-text.ts";

/** The report of a run, for people; each line is ended by a line feed. */
export function formatMcpReport(report: McpVerifyReport, painter: Painter): string {
  const { server, tool, effects, requests, timeMs, cases } = report;
  const called = tool === undefined ? "no tool was called" : `${tool} was called, effects ${effects}`;
  const lines = [
    painter.strong(server),
    painter.faint(`${called}; ${requests} requests in ${(timeMs / 1000).toFixed(1)} s`),
    ...formatCases(cases, painter),
    "",
    formatSummary(report, painter),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** How much of a message is shown, characters. */
const shownMax = 160;

/** The requests that would be sent, for people; each line is ended by a line feed. */
export function formatMcpPlan(plan: readonly PlannedMcpCase[], painter: Painter): string {
  const messages = plan.reduce((sum, planned) => sum + planned.messages.length, 0);
  const lines = [
    ...plan.flatMap(({ id, title, messages: sent, missing }) => [
      painter.strong(`${id}  ${title}`),
      ...sent.map(({ method, params }) => `    ${shortened(`${method} ${JSON.stringify(params)}`)}`),
      ...(missing === undefined ? [] : [painter.faint(`  ${sent.length === 0 ? "nothing" : "no more"}: ${missing}`)]),
      "",
    ]),
    `${plan.length} cases, at least ${messages} messages. Nothing was sent.`,
  ];
  return lines.map((line) => `${line}\n`).join("");
}

const shortened = (text: string): string => (text.length > shownMax ? `${text.slice(0, shownMax)}…` : text);
