import type { CaseResult, VerifyReport } from "./report.ts";

/** The report in TAP 14 (testanything.org). A warning is a passed test with its reason. */
export function formatTap({ cases }: Pick<VerifyReport, "cases">): string {
  const lines = cases.flatMap((result, index) => formatCase(result, index + 1));
  return `${["TAP version 14", `1..${cases.length}`, ...lines].join("\n")}\n`;
}

function formatCase({ id, title, kind, observed, reason, rule }: CaseResult, number: number): string[] {
  const line = `${kind === "fail" ? "not ok" : "ok"} ${number} - ${escapeTap(`${id} ${title}`)}`;
  if (kind === "not-applicable") return [`${line} # SKIP ${escapeTap(observed)}`];
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

const escapeTap = (text: string): string => text.replaceAll(/[\\#]/g, String.raw`\$&`);
