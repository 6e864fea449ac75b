import { Command } from "commander";
import { readHeldName, withHeldNames, withNote, withStoreOptions, yesOption } from "./flags.ts";
import { withStore } from "./session.ts";
import { settleOne } from "./settle.ts";
import { settleHeld, type SettleHeldFlags } from "./settle-held.ts";

/** `once-again keys release` */
export function releaseCommand(): Command {
  return withNote(withHeldNames(withStoreOptions(new Command("release"))))
    .summary("settle a held key as not executed")
    .description(
      "Settles a held key as not executed: you know that nothing happened and that its worker is gone. The next " +
        "repeat runs it again. Who released it, when and why is stored for 30 days, also when the key is used again: " +
        '"list --state released" and "show" have it.',
    )
    .addOption(yesOption())
    .addHelpText(
      "after",
      `
Example:
  $ once-again keys release --store sqlite:keys.db acme order-7 --reason "the bank has no charge"
  $ once-again keys release --store sqlite:keys.db --held --scope acme --reason "INC-12: the service was down" --yes

Each key is printed as soon as it is released, with --json as a line of JSON on stderr; the document comes last.

Exit codes: 0 settled, 1 it is not (no such key, not held, you said no, or it was interrupted), 2 wrong usage, or a store that does not
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
  const settlement = { as: "not-executed", note: { author: flags.by, reason: flags.reason } } as const;
  await withStore(command, flags, (store) =>
    name === undefined
      ? settleHeld(store, flags, command, async () => settlement, {
          did: "released",
          question:
            "Settle them as not executed? The next repeat of each runs it again; what did happen, happens twice.",
          done: "the next repeat of each runs it again.",
        })
      : settleOne(store, name, settlement, flags, command, {
          did: "released",
          question: "Settle it as not executed? The next repeat runs it again; if it did happen, it happens twice.",
          done: "Settled: the next repeat runs it again.",
        }),
  );
}
