import { Command } from "commander";
import { listCommand } from "./list.ts";
import { purgeCommand } from "./purge.ts";
import { releaseCommand } from "./release.ts";
import { resolveCommand } from "./resolve.ts";
import { showCommand } from "./show.ts";

/** `once-again keys`: looks into a server's store of keys, and settles what is held. */
export function keysCommand(): Command {
  const keys = new Command("keys")
    .summary("look into a store of keys, and settle what is held")
    .description("For operators: shows the keys that servers keep, and settles those whose outcome nobody knows.")
    .addHelpText(
      "after",
      `
Example:
  $ export ONCE_AGAIN_STORE=postgres://shop@db.example/shop
  $ once-again keys list --state abandoned
  $ once-again keys show acme order-7
  $ once-again keys resolve acme order-7 --status 201 --body @answer.json`,
    );
  for (const command of [listCommand(), showCommand(), resolveCommand(), releaseCommand(), purgeCommand()]) {
    keys.addCommand(command.exitOverride());
  }
  return keys;
}
