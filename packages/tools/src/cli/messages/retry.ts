import { Command } from "commander";
import { decideParked, type Decision } from "./decide.ts";
import { type DecideFlags, withParkedIds } from "./flags.ts";

const decision: Decision = {
  did: "retried",
  meaning: "a relay publishes what is free next",
  decide: (outbox, id) => outbox.retryParked(id),
};

/** `once-again messages retry` */
export function retryCommand(): Command {
  return withParkedIds(new Command("retry"))
    .summary("have parked messages published again")
    .description(
      "Has parked messages published again: you have repaired what the broker refused them for. Each is in its old place, " +
        "unless others passed it, and its refusals are counted anew.",
    )
    .addHelpText(
      "after",
      `
Example:
  $ once-again messages retry --store sqlite:shop.db order-7-placed --reason "the queue is bound"
  $ once-again messages retry --store sqlite:shop.db --all --limit 1000 --reason "INC-12: the queue is bound"

Each message is printed as soon as it is retried, with --json as a line of JSON on stderr; the document comes last. Until it is
confirmed, "list" shows it as one that waits, with the last answer.

Exit codes: 0 done (with --all also when none is parked), 1 a message is not parked (any more), or it was interrupted, 2 wrong
usage, or an outbox that does not answer.`,
    )
    .action((id: string | undefined, flags: DecideFlags, command: Command) =>
      decideParked(id, flags, command, decision),
    );
}
