import { appendFileSync } from "node:fs";
import { judgeHistory } from "./judge-history.ts";
import type { Anomaly } from "./judge-key.ts";

/** A line of a history, as docs/guides/judging.md has it. */
export type HistoryLine = { readonly key: string; readonly scope?: string; readonly request?: string } & (
  | { readonly type: "invoke" | "fail" | "info" }
  | { readonly type: "ok"; readonly response?: string; readonly effects?: readonly string[] }
  | { readonly type: "effect"; readonly effect: string; readonly group?: string; readonly position?: number }
);

/** Where a history is added to, for the command. Runs with the same keys are distinguished by their names. */
export interface HistoryFile {
  readonly path: string;
  readonly run: string;
}

/** Holds a history, which has its ledger, against the rules of `once-again judge`. */
export async function judgeLines(lines: Iterable<HistoryLine>, to?: HistoryFile): Promise<readonly Anomaly[]> {
  const anomalies: Anomaly[] = [];
  await judgeHistory(chunksOf(lines, to), { hasLedger: true, onAnomaly: (anomaly) => anomalies.push(anomaly) });
  return anomalies;
}

async function* chunksOf(lines: Iterable<HistoryLine>, to: HistoryFile | undefined): AsyncGenerator<Uint8Array> {
  for (const line of lines) {
    if (to !== undefined) appendFileSync(to.path, textOf(nameRun(line, to.run)));
    yield Buffer.from(textOf(line));
  }
}

function nameRun(line: HistoryLine, run: string): HistoryLine {
  const named = { ...line, scope: `${run} ${line.scope ?? ""}`.trim() };
  return "group" in named && named.group !== undefined ? { ...named, group: `${run} ${named.group}` } : named;
}

const textOf = (line: HistoryLine): string => `${JSON.stringify(line)}\n`;
