import { Command } from "commander";
import { yesOption } from "../keys/flags.ts";
import { decideParked, type Decision } from "./decide.ts";
import { type DecideFlags, withParkedIds } from "./flags.ts";

const decision: Decision = {
  name: "discarded",
  meaning: "what they held up goes on",
  question: "Remove for good? Nothing of it is ever published.",
  decide: (outbox, id) => outbox.discardParked(id),
};

/** `once-again messages discard` */
export function discardCommand(): Command {
  return withParkedIds(new Command("discard"))
    .summary("remove parked messages for good")
    .description(
      "Removes parked messages for good: they are never published, and those after them of their ordering keys go on.",
    )
    .addOption(yesOption())
    .addHelpText(
      "after",
      `
Example:
  $ once-again messages discard --store sqlite:shop.db order-7-placed
  $ once-again messages discard --store sqlite:shop.db --all --yes

With --all, only what was parked when the question was asked is removed.

Exit codes: 0 done (with --all also when none is parked), 1 a message is not parked (any more), or you said no, 2 wrong
usage, or an outbox that does not answer.`,
    )
    .action((id: string | undefined, flags: DecideFlags, command: Command) =>
      decideParked(id, flags, command, decision),
    );
}
