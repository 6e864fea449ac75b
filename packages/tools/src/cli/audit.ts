import { createReadStream, statSync } from "node:fs";
import process from "node:process";
import { Command, Option } from "commander";
import { OnceAgainError } from "once-again";
import { invalidOptionError } from "once-again/internal";
import { exitCodes } from "once-again/internal/command";
import { type Audit, audit, type AuditCase, type AuditOptions } from "../audit/index.ts";
import { formatCount, formatNumber } from "./count-text.ts";
import { escapeControls } from "./keys/printable.ts";
import { progressBar } from "./progress-bar.ts";

/** `once-again audit`: looks for doubled effects in the past of a service. */
export function auditCommand(): Command {
  return new Command("audit")
    .description(
      "Looks through an access log and a ledger for what has already happened: repeats, effects that happened twice, and " +
        "effects of which no caller got a success, with their price. Both are in the common or combined log format, JSON lines or CSV.",
    )
    .argument("<log>", "the access log, or - for the standard input")
    .argument("<ledger>", "the effects: an export of the table of payments or orders")
    .option("--key <field>", "the log's field that names an operation (default: idempotency_key, or key)")
    .option("--ledger-key <field>", "the ledger's (default: the same, or reference)")
    .option("--amount <field>", "the ledger's field with the price (default: amount)")
    .option("--refund <field=value>", "the ledger's rows that are refunds, beside those with a negative amount")
    .addOption(
      new Option("--decimal <mark>", "the decimal mark of amounts that have groups or a currency: $1,299.00").choices([
        ".",
        ",",
      ]),
    )
    .option("--separator <character>", "between the cells of CSV, or tab (default: a comma)")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Example:
  $ once-again audit access.log payments.csv --key field1 --ledger-key order_key --amount total
  $ once-again audit access.log buchungen.csv --key field1 --amount Betrag --decimal , --separator ';' --refund Art=Storno

In the combined format, quoted fields behind the agent are field1, field2 and so on: add the key to the log there.

Exit codes: 0 nothing was doubled or lost, 1 something was, 2 wrong usage, or a file that can't be read.`,
    )
    .action(run);
}

interface AuditFlags extends AuditOptions {
  readonly json?: boolean;
}

async function run(log: string, ledger: string, flags: AuditFlags, command: Command): Promise<void> {
  const progress = progressBar(process.stderr, "percent");
  try {
    const total = log === "-" ? undefined : sizeOf(log) + sizeOf(ledger);
    let done = 0;
    const read = async function* (bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of bytes) {
        yield chunk;
        done += chunk.length;
        if (total !== undefined && total > 0) progress.update(Math.min(100, Math.floor((100 * done) / total)), 100);
      }
    };
    const options = { ...flags, separator: readSeparator(flags.separator) };
    const found = await audit(read(log === "-" ? process.stdin : bytesOf(log)), read(bytesOf(ledger)), options);
    progress.stop();
    process.stdout.write(flags.json === true ? `${JSON.stringify(found, undefined, 2)}\n` : auditText(found));
    const isFine = found.doubled.keys + found.refunds.beyond.keys + found.lost.keys + found.missing.keys === 0;
    process.exitCode = isFine ? exitCodes.fine : exitCodes.bad;
  } catch (error) {
    progress.stop();
    if (!OnceAgainError.isInstance(error) && !(error instanceof UnreadableFile)) throw error;
    command.error(`error: ${error.message}`, { exitCode: exitCodes.usage });
  }
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`. */
function readSeparator(separator: string | undefined): string | undefined {
  if (separator === undefined || /^[^"\s]$|^\t$/.test(separator)) return separator;
  if (separator === "tab") return "\t";
  throw invalidOptionError("--separator", "one character, or tab", separator);
}

/** Names the file, which not every error of the system does. */
class UnreadableFile extends Error {
  constructor(file: string, cause: unknown) {
    super(`${file} can't be read: ${(cause as Error).message}`, { cause });
  }
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch (error) {
    throw new UnreadableFile(file, error);
  }
}

async function* bytesOf(file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw new UnreadableFile(file, error);
  }
}

function auditText(found: Audit): string {
  const { requests, rows, unnamed, unnamedRows, keys, repeated, doubled, refunds, lost, missing } = found;
  const { refunded } = lost;
  const { beyond } = refunds;
  return [
    `${formatCount(requests, "request")}, ${formatCount(rows, "row")} in the ledger, ${formatCount(keys, "operation")}.`,
    ...(unnamed + unnamedRows > 0
      ? [
          `Without an operation's name, so not looked at: ${formatCount(unnamed, "request")}, ${formatCount(unnamedRows, "row")}.`,
        ]
      : []),
    "",
    `Repeated: ${formatCount(repeated.keys, "operation")}, ${formatCount(repeated.requests, "request")} more than one each.`,
    ...caseText(repeated.most),
    `Doubled effects: ${formatCount(doubled.keys, "operation")}, ${formatCount(doubled.rows, "row")} too many, price ${formatNumber(doubled.price)}${backText(doubled.refunded)}.`,
    ...caseText(doubled.worst),
    ...(refunds.rows > 0 ? [`Refunds: ${formatCount(refunds.rows, "row")}, ${formatNumber(refunds.price)}.`] : []),
    ...(beyond.keys > 0
      ? [
          `    more than was charged: ${formatCount(beyond.keys, "operation")}, ${formatNumber(beyond.price)} too much`,
          ...caseText(beyond.worst),
        ]
      : []),
    `Lost answers: ${formatCount(lost.keys, "operation")} in the ledger, and no caller got a success; price ${formatNumber(lost.price)}.`,
    ...(lost.keys > 0 ? [`    their last statuses: ${statusText(lost.statuses)}`] : []),
    ...caseText(lost.first),
    ...(refunded.keys > 0
      ? [
          `    beside these, ${formatCount(refunded.keys, "operation")} given back in full (${formatNumber(refunded.price)})`,
        ]
      : []),
    `Lost effects: ${formatCount(missing.keys, "operation")} answered with a success, and not in the ledger.`,
    ...caseText(missing.first),
    "",
  ].join("\n");
}

const backText = (refunded: number): string =>
  refunded > 0 ? `, of which ${formatNumber(refunded)} was given back` : "";

/** How many operations had which status last: `500 (12), no status (1)`. */
const statusText = (statuses: Audit["lost"]["statuses"]): string =>
  Object.entries(statuses)
    .toSorted(([, one], [, other]) => other - one)
    .map(([status, count]) => `${status === "0" ? "no status" : status} (${formatNumber(count)})`)
    .join(", ");

function caseText(one: AuditCase | undefined): string[] {
  if (one === undefined) return [];
  const places = [linesText("log", one.logLines), linesText("ledger", one.ledgerLines)].filter((text) => text !== "");
  return [escapeControls(`    ${one.key}: ${places.join("; ")}`)];
}

const linesText = (file: string, lines: readonly number[]): string =>
  lines.length === 0 ? "" : `${file} ${lines.length === 1 ? "line" : "lines"} ${lines.join(", ")}`;
