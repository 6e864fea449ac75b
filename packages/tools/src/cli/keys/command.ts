import { Command } from "commander";
import { listCommand } from "./list.ts";
import { purgeCommand } from "./purge.ts";
import { releaseCommand } from "./release.ts";
import { resolveCommand } from "./resolve.ts";
import { showCommand } from "./show.ts";

/** `once-again keys`: shows the keys of a server's store, and settles held ones. */
export function keysCommand(): Command {
  const keys = new Command("keys")
    .description("For operators: shows the keys that servers store, and settles those that have an unknown outcome.")
    .addHelpText(
      "after",
      `
Example:
  $ export ONCE_AGAIN_STORE=postgres://shop@db.example/shop
  $ once-again keys list --state held
  $ once-again keys show acme order-7
  $ once-again keys resolve acme order-7 --status 201 --body @answer.json --reason "seen at the bank"`,
    );
  for (const command of [listCommand(), showCommand(), resolveCommand(), releaseCommand(), purgeCommand()]) {
    keys.addCommand(command.exitOverride());
  }
  return keys;
}
