import { Command } from "commander";
import { decideParked, type Decision } from "./decide.ts";
import { type DecideFlags, withParkedIds } from "./flags.ts";

const decision: Decision = {
  name: "retried",
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
  $ once-again messages retry --store sqlite:shop.db order-7-placed
  $ once-again messages retry --store sqlite:shop.db --all --limit 1000

Exit codes: 0 done (with --all also when none is parked), 1 a message is not parked (any more), 2 wrong usage, or an
outbox that does not answer.`,
    )
    .action((id: string | undefined, flags: DecideFlags, command: Command) =>
      decideParked(id, flags, command, decision),
    );
}
