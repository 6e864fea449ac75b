import { createReadStream, statSync } from "node:fs";
import process from "node:process";
import { Command } from "commander";
import { OnceAgainError } from "once-again";
import { exitCodes } from "once-again/internal/command";
import { type Audit, audit, type AuditCase, type AuditFields } from "../audit/index.ts";
import { escapeControls } from "./keys/printable.ts";
import { progressBar } from "./progress-bar.ts";

/** `once-again audit`: looks for doubled effects in the past of a service. */
export function auditCommand(): Command {
  return new Command("audit")
    .description(
      "Looks through an access log and a ledger for what has already happened: repeats, effects that happened twice, and " +
        "effects that lost their answers, with their price. Both are in the common or combined log format, JSON lines or CSV.",
    )
    .argument("<log>", "the access log")
    .argument("<ledger>", "the effects: an export of the table of payments or orders")
    .option("--key <field>", "the log's field that names an operation (default: idempotency_key, or key)")
    .option("--ledger-key <field>", "the ledger's (default: the same, or reference)")
    .option("--amount <field>", "the ledger's field with the price (default: amount)")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Example:
  $ once-again audit access.log payments.csv --key field1 --ledger-key order_key --amount total

In the combined format, quoted fields behind the agent are field1, field2 and so on: add the key to the log there.

Exit codes: 0 nothing was doubled or lost, 1 something was, 2 wrong usage, or a file that can't be read.`,
    )
    .action(run);
}

interface AuditFlags extends AuditFields {
  readonly json?: boolean;
}

async function run(log: string, ledger: string, flags: AuditFlags, command: Command): Promise<void> {
  const progress = progressBar(process.stderr, "percent");
  try {
    const total = statSync(log).size + statSync(ledger).size;
    let done = 0;
    const read = async function* (file: string): AsyncGenerator<Uint8Array> {
      for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>) {
        yield chunk;
        progress.update(Math.floor((100 * (done += chunk.length)) / total), 100);
      }
    };
    const found = await audit(read(log), read(ledger), flags);
    progress.stop();
    process.stdout.write(flags.json === true ? `${JSON.stringify(found, undefined, 2)}\n` : auditText(found));
    const isFine = found.doubled.keys + found.lost.keys + found.missing.keys === 0;
    process.exitCode = isFine ? exitCodes.fine : exitCodes.bad;
  } catch (error) {
    progress.stop();
    if (OnceAgainError.isInstance(error) || (error instanceof Error && "syscall" in error))
      command.error(`error: ${error.message}`, { exitCode: exitCodes.usage });
    else throw error;
  }
}

function auditText({ requests, rows, unnamed, keys, repeated, doubled, lost, missing }: Audit): string {
  const count = (number: number): string => number.toLocaleString("en");
  const caseText = (one: AuditCase | undefined): string[] => {
    if (one === undefined) return [];
    const places = [
      ...(one.logLines.length > 0 ? [`log lines ${one.logLines.join(", ")}`] : []),
      ...(one.ledgerLines.length > 0 ? [`ledger lines ${one.ledgerLines.join(", ")}`] : []),
    ];
    return [escapeControls(`    ${one.key}: ${places.join("; ")}`)];
  };
  return [
    `${count(requests)} requests, ${count(rows)} rows in the ledger, ${count(keys)} operations.`,
    ...(unnamed > 0 ? [`${count(unnamed)} requests name no operation: of them nothing can be said.`] : []),
    "",
    `Repeated: ${count(repeated.keys)} operations, ${count(repeated.requests)} requests more than one each.`,
    ...caseText(repeated.most),
    `Doubled effects: ${count(doubled.keys)} operations, ${count(doubled.rows)} rows too many, price ${count(doubled.price)}.`,
    ...caseText(doubled.worst),
    `Lost answers: ${count(lost.keys)} operations have their effect, and their callers got no answer; price ${count(lost.price)}.`,
    ...caseText(lost.first),
    `Lost effects: ${count(missing.keys)} operations were answered with a success, and are not in the ledger.`,
    ...caseText(missing.first),
    "",
  ].join("\n");
}
