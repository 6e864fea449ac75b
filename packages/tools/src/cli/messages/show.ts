import { Command } from "commander";
import { messageJson } from "../../admin/message-json.ts";
import { exitCodes, painter } from "once-again/internal/command";
import type { StoreFlags } from "../keys/flags.ts";
import { print } from "../keys/session.ts";
import { withOutbox, withOutboxOptions } from "./flags.ts";
import { readSettlementNote } from "once-again/internal";
import { escapeControls } from "../keys/printable.ts";
import { formatMessage } from "./message-text.ts";

/** `once-again messages show` */
export function showCommand(): Command {
  return withOutboxOptions(new Command("show"))
    .argument("<id>", "the message's id, as `list` shows it")
    .summary("show one message whole that was tried and not confirmed")
    .description(
      "Shows a message whole that was tried and not confirmed: its place, what that said of it, when it is tried again or was " +
        "parked, its headers, and its body.",
    )
    .addHelpText(
      "after",
      `
Example:
  $ once-again messages show --store sqlite:shop.db order-7-placed

With --json, the body is Base64. Nothing keeps two messages from having one id: both are shown.

Exit codes: 0 fine, 1 no message of this id was tried and waits, 2 wrong usage, or an outbox that does not answer.`,
    )
    .action(run);
}

async function run(id: string, flags: StoreFlags, command: Command): Promise<void> {
  await withOutbox(command, flags, async (outbox) => {
    const messages = await outbox.showUnconfirmed(id);
    const now = Date.now();
    print(
      flags,
      () => ({ messages: messages.map(messageJson) }),
      () =>
        messages.flatMap((message, index) => [...(index === 0 ? [] : [""]), ...formatMessage(message, now, painter)]),
    );
    if (messages.length > 0) return exitCodes.fine;
    const [discarded] = await outbox.listDiscarded({ id, limit: 1 });
    if (discarded !== undefined) {
      const { author = "?", reason = "" } = readSettlementNote(discarded.note) ?? {};
      const when = new Date(discarded.discardedAt).toISOString();
      console.error(escapeControls(`${id}: It was discarded at ${when} by ${author}: ${reason}`));
      return exitCodes.bad;
    }
    console.error(
      `${escapeControls(id)}: No message of this id was tried and waits: it was published or discarded, is not tried yet, or never was.`,
    );
    return exitCodes.bad;
  });
}
