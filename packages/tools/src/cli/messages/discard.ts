import { Command } from "commander";
import { settlementNote } from "once-again/stores";
import { yesOption } from "../keys/flags.ts";
import { decideParked, type Decision } from "./decide.ts";
import { type DecideFlags, withParkedIds } from "./flags.ts";

const decision: Decision = {
  did: "discarded",
  meaning: "what they held up goes on",
  question: "Remove for good? Nothing of it is ever published.",
  decide: (outbox, id, { by: author, reason }) =>
    outbox.discardParked(id, { note: settlementNote({ author, reason }) }),
};

/** `once-again messages discard` */
export function discardCommand(): Command {
  return withParkedIds(new Command("discard"))
    .summary("remove parked messages for good")
    .description(
      "Removes parked messages for good: they are never published, and those after them of their ordering keys go on. Who " +
        'discarded a message, when and why is stored for 30 days, without its body: "list --state discarded" has it.',
    )
    .addOption(yesOption())
    .addHelpText(
      "after",
      `
Example:
  $ once-again messages discard --store sqlite:shop.db order-7-placed --reason "sent by hand"
  $ once-again messages discard --store sqlite:shop.db --all --reason "INC-12: the shop is closed" --yes

With --all, only what was parked when the question was asked is removed. Each message is printed as soon as it is discarded,
with --json as a line of JSON on stderr; the document comes last.

Exit codes: 0 done (with --all also when none is parked), 1 a message is not parked (any more), you said no, or it was
interrupted, 2 wrong usage, or an outbox that does not answer.`,
    )
    .action((id: string | undefined, flags: DecideFlags, command: Command) =>
      decideParked(id, flags, command, decision),
    );
}
