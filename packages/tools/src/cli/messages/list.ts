import { Command, InvalidArgumentError } from "commander";
import type { OutboxBacklog } from "once-again/internal";
import { outboxJson } from "../../admin/message-json.ts";
import { listParkedPage, type ParkedPage, parkedPageMax } from "../../admin/parked-page.ts";
import { exitCodes, formatDuration, painter, wholeNumber } from "once-again/internal/command";
import type { StoreFlags } from "../keys/flags.ts";
import { print } from "../keys/session.ts";
import { withOutbox, withOutboxOptions } from "./flags.ts";
import { countMessages, formatCount, formatTable } from "./message-text.ts";

interface ListFlags extends StoreFlags {
  readonly limit: number;
  readonly after?: string;
}

/** `once-again messages list` */
export function listCommand(): Command {
  return withOutboxOptions(new Command("list"))
    .summary("show the backlog of an outbox, and its parked messages")
    .description(
      "Shows how many messages wait in an outbox, for how long the oldest does, and the parked ones, the oldest first.",
    )
    .option("--limit <number>", "how many parked messages at most, 1 to 1000", wholeNumber(1, parkedPageMax), 100)
    .option("--after <position>", "the next page: those after this position, as the last page says it", parsePosition)
    .addHelpText(
      "after",
      `
Examples:
  $ once-again messages list --store sqlite:shop.db
  $ once-again messages list --store sqlite:shop.db --limit 20 --after 7350

Messages are counted up to 10,000. A parked one waits for you: see it with "show", publish it with "retry", remove it
with "discard". Bodies are shown by "show" alone.

Exit codes: 0 fine (also when there are none), 2 wrong usage, or an outbox that does not answer.`,
    )
    .action(run);
}

async function run(flags: ListFlags, command: Command): Promise<void> {
  await withOutbox(command, flags, async (outbox) => {
    const backlog = await outbox.backlog();
    const page = await listParkedPage(outbox, flags);
    print(
      flags,
      () => outboxJson(backlog, page),
      () => formatOutbox(backlog, page),
    );
    return exitCodes.fine;
  });
}

function formatOutbox(backlog: OutboxBacklog, { messages: parked, next }: ParkedPage): string[] {
  const { messages, oldestMs } = backlog;
  if (messages === 0) return ["No message waits."];
  const age = oldestMs === undefined ? "" : ` The oldest that is not parked waits for ${formatDuration(oldestMs)}.`;
  return [
    `${countMessages(messages)} in the outbox, ${formatCount(backlog.parked)} parked.${age}`,
    ...(parked.length === 0 ? [] : ["", ...formatTable(parked, Date.now(), painter)]),
    ...(next === null ? [] : ["", painter.faint(`There are more parked ones: --after ${next}`)]),
  ];
}

function parsePosition(text: string): string {
  if (/^\d{1,47}$/.test(text)) return text;
  throw new InvalidArgumentError("It must be a position, as the page before says it.");
}
