import { Command } from "commander";
import { messageJson } from "../../admin/message-json.ts";
import { exitCodes, painter } from "once-again/internal/command";
import type { StoreFlags } from "../keys/flags.ts";
import { print } from "../keys/session.ts";
import { withOutbox, withOutboxOptions } from "./flags.ts";
import { formatMessage, notParked } from "./message-text.ts";

/** `once-again messages show` */
export function showCommand(): Command {
  return withOutboxOptions(new Command("show"))
    .argument("<id>", "the message's id, as `list` shows it")
    .summary("show one parked message whole")
    .description("Shows a parked message whole: what the broker said of it, its headers, and its body.")
    .addHelpText(
      "after",
      `
Example:
  $ once-again messages show --store sqlite:shop.db order-7-placed

With --json, the body is Base64. Nothing keeps two messages from having one id: both are shown.

Exit codes: 0 fine, 1 no message is parked by this id, 2 wrong usage, or an outbox that does not answer.`,
    )
    .action(run);
}

async function run(id: string, flags: StoreFlags, command: Command): Promise<void> {
  await withOutbox(command, flags, async (outbox) => {
    const messages = await outbox.showParked(id);
    const now = Date.now();
    print(
      flags,
      () => ({ messages: messages.map(messageJson) }),
      () =>
        messages.flatMap((message, index) => [...(index === 0 ? [] : [""]), ...formatMessage(message, now, painter)]),
    );
    if (messages.length > 0) return exitCodes.fine;
    console.error(notParked(id));
    return exitCodes.bad;
  });
}
