import { createReadStream, statSync } from "node:fs";
import process from "node:process";
import { Command } from "commander";
import { OnceAgainError } from "once-again";
import { exitCodes, runUntilInterrupted } from "once-again/internal/command";
import { historyRules, type Judgement, judgeHistory } from "../judge/index.ts";
import { formatCount } from "./count-text.ts";
import { escapeControls } from "./keys/printable.ts";
import { progressBar } from "./progress-bar.ts";

/** `once-again judge`: holds a history of calls and effects against the rules. */
export function judgeCommand(): Command {
  return new Command("judge")
    .description(
      "Judges a history of any system: one effect, the same answer, the own answer, no lost effect, and the order of " +
        "sequences. Each line is a JSON object with a type (invoke, ok, fail, info or effect) and a key.",
    )
    .argument("<history>", "a file of JSON lines, or - for the standard input")
    .option("--ledger", "the history has the ledger, even if there is no effect in it")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Example:
  $ once-again judge history.jsonl

  {"type":"invoke","key":"k1","request":"a94f"}
  {"type":"effect","key":"k1","effect":"charge-1"}
  {"type":"ok","key":"k1","request":"a94f","response":"77de","effects":["charge-1"]}

All fields are in the guide, docs/guides/judging.md of the repository.

Exit codes: 0 no anomaly, 1 an anomaly, 2 wrong usage, or a history that can't be read, 130 interrupted.`,
    )
    .action(run);
}

async function run(
  file: string,
  { ledger, json }: { ledger?: boolean; json?: boolean },
  command: Command,
): Promise<void> {
  const progress = progressBar(process.stderr, "percent");
  try {
    const bytes = file === "-" ? undefined : statSync(file).size;
    const judged = await runUntilInterrupted((signal) =>
      judgeHistory(file === "-" ? process.stdin : createReadStream(file, { highWaterMark: 1 << 18 }), {
        bytes,
        hasLedger: ledger,
        signal,
        onProgress: (done) => {
          if (bytes !== undefined && bytes > 0) progress.update(Math.floor((50 * done) / bytes), 100);
        },
      }),
    );
    progress.stop();
    process.stdout.write(json === true ? `${JSON.stringify(judged, undefined, 2)}\n` : judgementText(judged));
    process.exitCode = judged.anomalies.length === 0 ? exitCodes.fine : exitCodes.bad;
  } catch (error) {
    progress.stop();
    if (error instanceof DOMException && error.name === "AbortError") process.exitCode = exitCodes.interrupted;
    else if (OnceAgainError.isInstance(error)) command.error(`error: ${error.message}`, { exitCode: exitCodes.usage });
    else if (isFileError(error))
      command.error(`error: ${file} can't be read: ${error.message}`, { exitCode: exitCodes.usage });
    else throw error;
  }
}

const isFileError = (error: unknown): error is Error => error instanceof Error && "syscall" in error;

function judgementText({ lines, keys, calls, effects, anomalies }: Judgement): string {
  const head = `${formatCount(lines, "line")}: ${formatCount(keys, "key")}, ${formatCount(calls, "call")}, ${formatCount(effects, "effect")} in the ledger.\n`;
  if (anomalies.length === 0) return `${head}No anomaly.\n`;
  const texts = anomalies.map(({ rule, count: times, smallest: { scope, key, what, lines: witnesses } }) => {
    const name = scope === "" ? `Key ${key}` : `Key ${key} of ${scope}`;
    return [
      `${rule}: ${formatCount(times, "time")}. ${historyRules[rule]}`,
      `  ${escapeControls(`${name}: ${what}`)}`,
      ...witnesses.map(({ line, text }) => `    line ${line}: ${escapeControls(text.slice(0, 300))}`),
    ].join("\n");
  });
  return `${head}\n${texts.join("\n\n")}\n`;
}
