import { Command } from "commander";
import { discardCommand } from "./discard.ts";
import { listCommand } from "./list.ts";
import { retryCommand } from "./retry.ts";
import { showCommand } from "./show.ts";

/** `once-again messages`: shows what waits in an outbox and why, and decides about parked messages. */
export function messagesCommand(): Command {
  const messages = new Command("messages")
    .description(
      "For operators: shows what waits in an outbox and what its places said, and decides about parked messages, which were " +
        "refused too often.",
    )
    .addHelpText(
      "after",
      `
Examples:
  $ export ONCE_AGAIN_STORE=postgres://shop@db.example/shop
  $ once-again messages list
  $ once-again messages show 0198f3a1-7c7e-7d5a-9c55-0f1d2f0e8a11
  $ once-again messages retry --all
  $ once-again messages discard order-7-placed --yes`,
    );
  for (const command of [listCommand(), showCommand(), retryCommand(), discardCommand()]) {
    messages.addCommand(command.exitOverride());
  }
  return messages;
}
