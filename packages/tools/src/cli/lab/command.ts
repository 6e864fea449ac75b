import { createReadStream } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError, Option } from "commander";
import { consoleServer } from "../../console/console-server.ts";
import { labSections } from "../../console/lab/lab-section.ts";
import { stormsSection } from "../../console/storms/storms-section.ts";
import { bounds } from "../../lab/live/live-protocol.ts";
import type { BrokerChoice } from "../../lab/messages/brokers/open-broker.ts";
import { messageFaultsMax } from "../../lab/messages/live/messages-protocol.ts";
import { readOrders, type OrdersFile } from "../../lab/orders.ts";
import { brokerForms, parseBroker } from "./broker-flag.ts";
import { checkoutStory, messagesStory, requestsStory, type Story, type StoryFlags } from "./stories.ts";
import { exitCodes, runUntilInterrupted, waitForAbort, wholeNumber } from "once-again/internal/command";
import { progressBar } from "../progress-bar.ts";

interface LabFlags {
  readonly story: keyof typeof stories;
  readonly broker?: BrokerChoice;
  readonly orders: string;
  readonly faults: number;
  readonly seed: number;
  readonly callers: number;
  readonly crash?: boolean;
  readonly json?: boolean;
  readonly serve?: boolean;
  readonly exit?: boolean;
  readonly port: number;
}

/** The stories, by their names in the command. */
const stories = { requests: requestsStory, messages: messagesStory, checkout: checkoutStory };

/** The orders that come with the package. */
const ordersFile = fileURLToPath(new URL("../../../orders.ndjson", import.meta.url));

/** `once-again lab`: shows what retries do to orders, with and without keys. */
export function labCommand(): Command {
  return new Command("lab")
    .description(
      "Sends the same orders to an orders API over the same flaky network, once by a careless caller (times out, sends " +
        "again) and once by a safe one (retryingFetch), and holds the ledger against them. All on this machine.\n\n" +
        "With --story messages, two order services save the same orders and announce them to a broker, and two shippings " +
        "ship what is announced: one pair carelessly, one with outbox and inbox, on the same faults and crashes.\n\n" +
        "With --story checkout, customers press Pay on two kinds of pages; the network loses requests and answers, and the " +
        "browser is killed and started again: one kind of page is careless, the other has intents on disk.",
    )
    .addOption(new Option("--story <name>", "what is shown").choices(Object.keys(stories)).default("requests"))
    .option("--broker <broker>", `with --story messages: ${brokerForms}; default one in the lab itself`, parseBroker)
    .addOption(
      new Option("--orders <file>", "orders, one JSON object a line").default(ordersFile, "the package's own 1,000"),
    )
    .option("--faults <share>", "share of the attempts that meet a fault, 0 to 1", parseShare, 0.3)
    .option("--seed <number>", "the same seed brings the same faults", wholeNumber(0, Number.MAX_SAFE_INTEGER), 1)
    .option("--callers <number>", "orders on the way at a time, each side, 1 to 256", wholeNumber(1, 256), 8)
    .option(
      "--crash",
      "also kill the API five times and both callers four times, and start them again (messages and checkout kill always)",
    )
    .option("--json", "print one JSON document instead of a report, and end")
    .option("--serve", "also serve the console, and stay until Ctrl-C")
    .option("--port <number>", "the console's port; 0: any free one", wholeNumber(0, 65_535), 0)
    .option("--exit", "end after the report, in spite of --serve: npm start -- --exit")
    .addHelpText(
      "after",
      `
Examples:
  $ once-again lab --faults 0.5 --crash --seed 7
  $ once-again lab --story messages --broker rabbitmq
  $ once-again lab --story checkout

A line of the file:
  {"id":"ord_1","customer":"cus_1","currency":"EUR","lines":[{"sku":"cup","qty":2,"unitPrice":1299}]}
  Prices are in minor units (cents). A line that is no order is reported on stderr and left out.

Exit codes: 0 fine, 1 the safe side has a duplicate, a loss, a wrong amount, or an order that is not confirmed, not
saved or not paid, 2 wrong usage or a broker that can't be reached, 130 interrupted.`,
    )
    .action(runCommand);
}

async function runCommand(flags: LabFlags, command: Command): Promise<void> {
  if (flags.broker !== undefined && flags.story !== "messages") {
    command.error("error: --broker is for --story messages");
  }
  if (flags.story === "messages" && flags.faults > messageFaultsMax) {
    command.error(`error: with --story messages, --faults must be at most ${messageFaultsMax}`);
  }
  const { orders, problems } = await readOrdersFile(flags.orders, command);
  await runUntilInterrupted(async (signal) => {
    const run = { ...flags, orders, signal };
    await report(run, problems, stories[flags.story](run, command));
    if (signal.aborted || !flags.serve || flags.exit || flags.json) return;
    const { port, seed, callers, broker } = flags;
    const settings = { seed, concurrency: Math.min(callers, bounds.concurrency.max) };
    const [lab, keys] = labSections({ orders, settings, messages: settings, broker });
    await using server = await consoleServer({ sections: [lab, stormsSection(), keys], port }).catch((error: Error) =>
      command.error(`error: can't serve the console: ${error.message}`),
    );
    process.stdout.write(`\nSee it happen, order by order: ${server.url}\nCtrl-C ends it.\n`);
    await waitForAbort(signal);
  });
}

/** Runs a story and prints what came of it. */
async function report(
  { json, signal }: StoryFlags & Pick<LabFlags, "json">,
  problems: OrdersFile["problems"],
  story: Story,
): Promise<void> {
  const progress = progressBar(process.stderr, story.unit);
  try {
    const { result, text, exitCode } = await story.run(progress.update);
    progress.stop();
    const document = (): string => `${JSON.stringify({ ...result, problems }, undefined, 2)}\n`;
    process.stdout.write(json ? document() : `\n${text}`);
    process.exitCode = exitCode;
  } catch (error) {
    if (!signal.aborted) throw error;
    process.exitCode = exitCodes.interrupted;
  } finally {
    progress.stop();
  }
}

/** Reads the file, and reports on stderr which of its lines are no orders. */
async function readOrdersFile(file: string, command: Command): Promise<OrdersFile> {
  const read = await readOrders(createReadStream(file)).catch((error: Error) =>
    command.error(`error: can't read the orders: ${error.message}`),
  );
  for (const { line, problem } of read.problems.slice(0, problemsPrintedMax))
    console.error(`${file}:${line}: ${problem}`);
  const hidden = read.problems.length - problemsPrintedMax;
  if (hidden > 0) console.error(`${file}: and ${hidden} more lines that are no orders`);
  if (read.orders.length === 0) command.error(`error: ${file} has no valid order`);
  return read;
}

/** So that a file of another kind does not flood the terminal. With --json all are in the document. */
const problemsPrintedMax = 20;

function parseShare(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("It must be a number from 0 to 1.");
}
