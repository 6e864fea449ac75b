import { Command } from "commander";
import { withName, withStoreOptions, yesOption } from "./flags.ts";
import { withStore } from "./session.ts";
import { settle, type SettleFlags } from "./settle.ts";

/** `once-again keys release` */
export function releaseCommand(): Command {
  return withName(withStoreOptions(new Command("release")))
    .summary("settle an abandoned key as not executed")
    .description(
      "Settles an abandoned key as not executed: you have found that nothing happened and that its worker is gone. The " +
        "next repeat runs it afresh.",
    )
    .addOption(yesOption())
    .addHelpText(
      "after",
      `
Example:
  $ once-again keys release --store keys.db acme order-7

Exit codes: 0 settled, 1 it is not (no such key, not abandoned, or you said no), 2 wrong usage, or a store that does not
answer.`,
    )
    .action(run);
}

async function run(scope: string, key: string, flags: SettleFlags, command: Command): Promise<void> {
  await withStore(command, flags, (store) =>
    settle(store, { scope, key, settlement: { as: "not-executed" } }, flags, command, {
      question: "Settle it as not executed? The next repeat runs it again; if it did happen, it happens twice.",
      done: "Settled: the next repeat runs it afresh.",
    }),
  );
}
