import { Command } from "commander";
import { readHeldName, withHeldNames, withNote, withStoreOptions, yesOption } from "./flags.ts";
import { withStore } from "./session.ts";
import { settleOne } from "./settle.ts";
import { settleHeld, type SettleHeldFlags } from "./settle-held.ts";

/** `once-again keys release` */
export function releaseCommand(): Command {
  return withNote(withHeldNames(withStoreOptions(new Command("release"))))
    .summary("settle an abandoned key as not executed")
    .description(
      "Settles an abandoned key as not executed: you know that nothing happened and that its worker is gone. The next " +
        "repeat runs it again. The record is removed, so who released it and why stands in this command's output alone: store it.",
    )
    .addOption(yesOption())
    .addHelpText(
      "after",
      `
Example:
  $ once-again keys release --store sqlite:keys.db acme order-7 --reason "the bank has no charge"
  $ once-again keys release --store sqlite:keys.db --held --scope acme --reason "INC-12: the service was down" --yes

Exit codes: 0 settled, 1 it is not (no such key, not abandoned, or you said no), 2 wrong usage, or a store that does not
answer.`,
    )
    .action(run);
}

async function run(
  scope: string | undefined,
  key: string | undefined,
  flags: SettleHeldFlags,
  command: Command,
): Promise<void> {
  const name = readHeldName(scope, key, flags, command);
  const settlement = { as: "not-executed" } as const;
  await withStore(command, flags, (store) =>
    name === undefined
      ? settleHeld(store, flags, command, async () => settlement, {
          question:
            "Settle them as not executed? The next repeat of each runs it again; what did happen, happens twice.",
          done: "the next repeat of each runs it again.",
        })
      : settleOne(store, name, settlement, flags, command, {
          question: "Settle it as not executed? The next repeat runs it again; if it did happen, it happens twice.",
          done: "Settled: the next repeat runs it again.",
        }),
  );
}
