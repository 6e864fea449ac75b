import { Command } from "commander";
import { listCommand } from "./list.ts";
import { sendCommand } from "./send.ts";

/** `once-again letters`: shows the dead letters of a broker, and sends them back to where they came from. */
export function lettersCommand(): Command {
  const letters = new Command("letters")
    .description(
      "For operators: shows the dead letters that inboxes put aside in a broker, and sends them back to where they came from.",
    )
    .addHelpText(
      "after",
      `
Examples:
  $ export ONCE_AGAIN_BROKER=amqp://shop:secret@broker.example
  $ once-again letters list --from billing.dead
  $ once-again letters send --from billing.dead order-7-placed --reason "INC-12: the price list is repaired"`,
    );
  for (const command of [listCommand(), sendCommand()]) letters.addCommand(command.exitOverride());
  return letters;
}
