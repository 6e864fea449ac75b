import { writeFileSync } from "node:fs";
import process from "node:process";
import type { Command } from "commander";
import { runToEnd } from "../../console/storms/run-to-end.ts";
import { OnceAgainError } from "once-again";
import {
  budgetSteps,
  contentionSteps,
  type StormResult,
  type StormTrials,
  stormSteps,
  type TableCheck,
  trialSteps,
} from "../../simulator/index.ts";
import { exitCodes, painter, runUntilInterrupted } from "once-again/internal/command";
import { loggedProgress } from "../progress-bar.ts";
import { type StormFlags, readStorms } from "./flags.ts";
import { formatHtml } from "./report-html.ts";
import { formatStorms } from "./report-text.ts";
import { drawStorms } from "./storms-svg.ts";
import { formatTable } from "./table-text.ts";

export async function runStorm(flags: StormFlags, command: Command): Promise<void> {
  const progress = loggedProgress(process.stderr, "percent");
  const onShare = (share: number): void => progress.update(Math.floor(100 * share), 100);
  try {
    const show = await runUntilInterrupted((signal) => simulate(flags, signal, onShare));
    progress.stop();
    show(command);
  } catch (error) {
    progress.stop();
    if (error instanceof DOMException && error.name === "AbortError") process.exitCode = exitCodes.interrupted;
    else if (OnceAgainError.isInstance(error)) command.error(`error: ${error.message}`);
    else throw error;
  }
}

/** Simulates what the flags say. What it returns shows it. */
async function simulate(
  flags: StormFlags,
  signal: AbortSignal,
  onShare: (share: number) => void,
): Promise<(command: Command) => void> {
  const { preset } = flags;
  if (preset === "contention" || preset === "budgets") {
    if (preset === "budgets") process.stderr.write(`${formatBudgetTime(flags.trials)}\n`);
    const table = await runToEnd(
      preset === "contention" ? contentionSteps(flags) : budgetSteps(flags),
      signal,
      onShare,
    );
    return () => showTable(table, flags);
  }
  const storms = readStorms(flags);
  const results: StormResult[] = [];
  const trials: StormTrials[] = [];
  for (const [index, storm] of storms.entries()) {
    const partOf = (share: number): void => onShare((index + share) / storms.length);
    // With trials the one storm that is drawn is a small part of the work.
    results.push(await runToEnd(stormSteps(storm), signal, flags.trials === undefined ? partOf : undefined));
    if (flags.trials !== undefined) trials.push(await runToEnd(trialSteps(storm, flags.trials), signal, partOf));
  }
  return (command) => {
    writePictures(results, flags, command);
    showStorms(results, flags.trials === undefined ? undefined : trials, flags);
  };
}

/** The table of budgets is the only one that takes minutes. */
function formatBudgetTime(trials = 20): string {
  const seconds = 6 * trials;
  const time = seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  return `20 cells, ${trials} ${trials === 1 ? "run" : "runs"} of each: about ${time} on an idle machine (--trials 2: 12 s).`;
}

function showTable(table: TableCheck, { json }: StormFlags): void {
  process.stdout.write(json ? `${JSON.stringify(table, undefined, 2)}\n` : formatTable(table, painter));
  process.exitCode = table.holds ? exitCodes.fine : exitCodes.bad;
}

function writePictures(results: readonly StormResult[], { html, svg }: StormFlags, command: Command): void {
  try {
    if (svg !== undefined) writeFileSync(svg, drawStorms(results));
    if (html !== undefined) writeFileSync(html, formatHtml(results));
  } catch (error) {
    command.error(`error: it can't be written: ${(error as Error).message}`);
  }
}

function showStorms(
  results: readonly StormResult[],
  trials: readonly StormTrials[] | undefined,
  { json, preset }: StormFlags,
): void {
  process.stdout.write(json ? `${JSON.stringify({ results, trials })}\n` : formatStorms(results, trials, painter));
  const [only] = results;
  const isJudged = preset === undefined && results.length === 1;
  process.exitCode = isJudged && !isRecovered(only!) ? exitCodes.bad : exitCodes.fine;
}

const isRecovered = ({ recovery }: StormResult): boolean =>
  recovery.verdict === "recovered" || recovery.verdict === "drained";
