import type { CaseResult, VerifyReport } from "./report.ts";

/** The report in TAP 14 (testanything.org). A warning is a passed test with its reason. */
export function tapReport({ cases }: VerifyReport): string {
  const lines = cases.flatMap((result, index) => testLines(result, index + 1));
  return `${["TAP version 14", `1..${cases.length}`, ...lines].join("\n")}\n`;
}

function testLines({ id, title, kind, observed, reason, rule }: CaseResult, number: number): string[] {
  const line = `${kind === "fail" ? "not ok" : "ok"} ${number} - ${escaped(`${id} ${title}`)}`;
  if (kind === "not-applicable") return [`${line} # SKIP ${escaped(observed)}`];
  if (kind === "pass") return [line];
  // JSON is YAML, and needs no escapes but its own.
  const fields = { severity: kind, observed, reason, rule };
  return [
    line,
    "  ---",
    ...Object.entries(fields).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`),
    "  ...",
  ];
}

const escaped = (text: string): string => text.replaceAll(/[\\#]/g, String.raw`\$&`);
