import { Command, InvalidArgumentError, Option } from "commander";
import type { UnconfirmedState } from "once-again/internal";
import { discardedJson, outboxJson, type OutboxView } from "../../admin/message-json.ts";
import { listUnconfirmedPage, pageMax } from "../../admin/unconfirmed-page.ts";
import { exitCodes, formatDuration, painter, wholeNumber } from "once-again/internal/command";
import type { StoreFlags } from "../keys/flags.ts";
import { print } from "../keys/session.ts";
import { withOutbox, withOutboxOptions } from "./flags.ts";
import { countMessages, formatCount, formatDiscarded, formatPlaces, formatTable } from "./message-text.ts";

interface ListFlags extends StoreFlags {
  readonly state?: UnconfirmedState | "discarded";
  readonly limit: number;
  readonly after?: string;
}

/** `once-again messages list` */
export function listCommand(): Command {
  return withOutboxOptions(new Command("list"))
    .summary("show the backlog of an outbox, the places that don't confirm, and what they said")
    .description(
      "Shows how many messages wait in an outbox, for how long the oldest does, the places that don't confirm their messages, " +
        "and each message that was tried and not confirmed, the oldest first, with the last answer: those that wait for their " +
        "next attempt, and the parked ones.",
    )
    .addOption(
      new Option(
        "--state <state>",
        'only those messages in this state; "discarded": those that people discarded in the last 30 days, the newest first',
      ).choices(["parked", "waiting", "discarded"]),
    )
    .option("--limit <number>", "how many of these messages at most, 1 to 1000", wholeNumber(1, pageMax), 100)
    .option("--after <position>", "the next page: those after this position, as the last page says it", parsePosition)
    .addHelpText(
      "after",
      `
Examples:
  $ once-again messages list --store sqlite:shop.db
  $ once-again messages list --store sqlite:shop.db --limit 20 --after 7350

Messages are counted up to 10,000. One that waits is tried again by itself, and its place is to be repaired. A parked one
waits for you: see it with "show", publish it with "retry", remove it with "discard". Bodies are shown by "show" alone.

Exit codes: 0 fine (also when there are none), 2 wrong usage, or an outbox that does not answer.`,
    )
    .action(run);
}

async function run({ state, ...flags }: ListFlags, command: Command): Promise<void> {
  if (state === "discarded") return runDiscarded(flags, command);
  await withOutbox(command, flags, async (outbox) => {
    const view = {
      backlog: await outbox.backlog(),
      places: await outbox.listPlaces(),
      page: await listUnconfirmedPage(outbox, { ...flags, state }),
    };
    print(
      flags,
      () => outboxJson(view),
      () => formatOutbox(view),
    );
    return exitCodes.fine;
  });
}

async function runDiscarded(flags: Omit<ListFlags, "state">, command: Command): Promise<void> {
  if (flags.after !== undefined) command.error("error: --state discarded goes with --limit alone");
  await withOutbox(command, flags, async (outbox) => {
    const messages = await outbox.listDiscarded({ limit: flags.limit });
    print(
      flags,
      () => ({ discarded: messages.map(discardedJson) }),
      () => (messages.length === 0 ? ["No message was discarded."] : formatDiscarded(messages, Date.now(), painter)),
    );
    return exitCodes.fine;
  });
}

function formatOutbox({ backlog, places, page }: OutboxView): string[] {
  const { messages, parked, unconfirmed, oldestMs } = backlog;
  if (messages === 0) return ["No message waits."];
  const now = Date.now();
  const age = oldestMs === undefined ? "" : ` The oldest that is not parked waits for ${formatDuration(oldestMs)}.`;
  const counts = `${formatCount(parked)} parked, ${formatCount(unconfirmed)} tried and not confirmed`;
  return [
    `${countMessages(messages)} in the outbox: ${counts}.${age}`,
    ...(places.length === 0 ? [] : ["", ...formatPlaces(places, now, painter)]),
    ...(page.messages.length === 0 ? [] : ["", ...formatTable(page.messages, now, painter)]),
    ...(page.next === null ? [] : ["", painter.faint(`There are more of them: --after ${page.next}`)]),
  ];
}

function parsePosition(text: string): string {
  if (/^\d{1,47}$/.test(text)) return text;
  throw new InvalidArgumentError("It must be a position, as the page before says it.");
}
