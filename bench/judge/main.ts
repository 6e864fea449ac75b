/** `npm run bench:judge`: how long `once-again judge` takes over a long history, and how much memory. */
import { execFile } from "node:child_process";
import { createWriteStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type HistoryRule, historyRules, type Judgement } from "../../packages/tools/src/judge/index.ts";
import { command, exitCodes, printJson, wholeNumber } from "../../test/support/command.ts";
import { historyOf } from "../../test/support/histories.ts";

const help = `npm run bench:judge -- [--operations N] [--json]

Judges a history with a tenth of the operations, and one with all of them, in a process each, which ends with an error when more than 128 MiB of
objects are in use at a time. One anomaly of each rule is in it. Fails when not each is found, once and by its rule.

  --operations N   of the long history, default 1000000; at least 1000
  --json           one JSON document`;

/** How much a judge may have in use, MiB: as V8 counts its old generation. A history of 100,000 operations as objects is more. */
const heapMax = 128;

const options = { operations: { type: "string" }, json: { type: "boolean" } } as const;

/** One run over a history. */
interface Run {
  readonly operations: number;
  readonly lines: number;
  /** Millions of bytes. */
  readonly megabytes: number;
  readonly cpuSeconds: number;
  /** The most memory that the process had, MiB. */
  readonly peakMebibytes: number;
  /** How often each rule was found broken. */
  readonly anomalies: Readonly<Record<string, number>>;
}

await command(help, options, async ({ json, ...given }) => {
  const operations = wholeNumber("operations", given.operations, 1_000_000, { min: 1000 });
  const runs = [await judgeRun(Math.floor(operations / 10)), await judgeRun(operations)] as const;
  const rules = Object.keys(historyRules) as HistoryRule[];
  const missed = runs.flatMap(({ anomalies }) => rules.filter((rule) => anomalies[rule] !== 1));
  if (json === true) printJson({ runs, missed });
  else {
    const texts = runs.map(
      (run) =>
        `${run.operations.toLocaleString("en")} operations, ${run.lines.toLocaleString("en")} lines, ${run.megabytes} MB: ` +
        `${run.cpuSeconds} s of processor time, ${run.peakMebibytes} MiB at the most`,
    );
    process.stdout.write(
      `${texts.join("\n")}\n${missed.length === 0 ? "Each anomaly was found." : `MISSED: ${missed.join(", ")}`}\n`,
    );
  }
  return missed.length === 0 ? exitCodes.fine : exitCodes.bad;
});

async function judgeRun(operations: number): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), "once-again-history-"));
  try {
    const file = join(folder, "history.jsonl");
    await pipeline(historyOf(operations, Object.keys(historyRules) as HistoryRule[]), createWriteStream(file));
    const child = fileURLToPath(new URL("child.ts", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...process.execArgv,
      `--max-old-space-size=${heapMax}`,
      child,
      file,
    ]);
    const { judged, maxRSS, cpuMicros } = JSON.parse(stdout) as Record<"maxRSS" | "cpuMicros", number> & {
      judged: Judgement;
    };
    return {
      operations,
      lines: judged.lines,
      megabytes: Math.round(statSync(file).size / 1e6),
      cpuSeconds: Math.round(cpuMicros / 1e5) / 10,
      peakMebibytes: Math.round(maxRSS / 1024),
      anomalies: Object.fromEntries(judged.anomalies.map(({ rule, count }) => [rule, count])),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
