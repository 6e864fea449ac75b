import { writeFileSync } from "node:fs";
import process from "node:process";
import type { Command } from "commander";
import { played } from "../../console/storms/run-to-end.ts";
import { OnceAgainError } from "once-again";
import { budgetSteps, contentionSteps, type StormResult, stormSteps, type TableCheck } from "../../simulator/index.ts";
import { exitCodes } from "../exit-codes.ts";
import { painter } from "../painter.ts";
import { progressBar } from "../progress-bar.ts";
import { untilInterrupted } from "../until-interrupted.ts";
import { type StormFlags, stormsOf } from "./flags.ts";
import { stormsHtml } from "./report-html.ts";
import { stormsText } from "./report-text.ts";
import { stormsSvg } from "./storms-svg.ts";
import { tableText } from "./table-text.ts";

export async function runStorm(flags: StormFlags, command: Command): Promise<void> {
  const progress = progressBar(process.stderr, "percent");
  const onShare = (share: number): void => progress.update(Math.floor(100 * share), 100);
  try {
    const show = await untilInterrupted((signal) => simulated(flags, signal, onShare));
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
async function simulated(
  flags: StormFlags,
  signal: AbortSignal,
  onShare: (share: number) => void,
): Promise<(command: Command) => void> {
  const { preset } = flags;
  if (preset === "contention" || preset === "budgets") {
    const table = await played(preset === "contention" ? contentionSteps(flags) : budgetSteps(flags), signal, onShare);
    return () => showTable(table, flags);
  }
  const storms = stormsOf(flags);
  const results: StormResult[] = [];
  for (const [index, storm] of storms.entries()) {
    const partOf = (share: number): void => onShare((index + share) / storms.length);
    results.push(await played(stormSteps(storm), signal, partOf));
  }
  return (command) => {
    draw(results, flags, command);
    showStorms(results, flags);
  };
}

function showTable(table: TableCheck, { json }: StormFlags): void {
  process.stdout.write(json ? `${JSON.stringify(table, undefined, 2)}\n` : tableText(table, painter));
  process.exitCode = table.holds ? exitCodes.fine : exitCodes.bad;
}

function draw(results: readonly StormResult[], { html, svg }: StormFlags, command: Command): void {
  try {
    if (svg !== undefined) writeFileSync(svg, stormsSvg(results));
    if (html !== undefined) writeFileSync(html, stormsHtml(results));
  } catch (error) {
    command.error(`error: it can't be written: ${(error as Error).message}`);
  }
}

function showStorms(results: readonly StormResult[], { json, preset }: StormFlags): void {
  process.stdout.write(json ? `${JSON.stringify({ results })}\n` : stormsText(results, painter));
  const [only] = results;
  const isJudged = preset === undefined && results.length === 1;
  process.exitCode = isJudged && !isBack(only!) ? exitCodes.bad : exitCodes.fine;
}

const isBack = ({ recovery }: StormResult): boolean =>
  recovery.verdict === "recovered" || recovery.verdict === "drained";
