import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { painter } from "../painter.ts";
import { sealKeyOption, sealKeysOf, type StoreFlags, withName, withStoreOptions } from "./flags.ts";
import { keptReader } from "../../admin/stored-value.ts";
import { recordDocument } from "../../admin/record-json.ts";
import { recordText } from "./record-text.ts";
import { recordView } from "../../admin/record-view.ts";
import { print, withStore } from "./session.ts";
import { refuse } from "./settle.ts";

interface ShowFlags extends StoreFlags {
  readonly sealKey: readonly string[];
}

/** `once-again keys show` */
export function showCommand(): Command {
  return withName(withStoreOptions(new Command("show")))
    .summary("show one key whole")
    .description("Shows one key whole: its times, its steps, and the answer that is kept under it.")
    .addOption(sealKeyOption("opens what was sealed with it; may be given several times"))
    .addHelpText(
      "after",
      `
Example:
  $ once-again keys show --store keys.db acme order-7

A file of seal keys has one ID:HEX a line. With --json, bodies and other bytes are Base64.

Exit codes: 0 fine, 1 there is no such key, 2 wrong usage, or a store that does not answer.`,
    )
    .action(run);
}

async function run(scope: string, key: string, flags: ShowFlags, command: Command): Promise<void> {
  await withStore(command, flags, async (store) => {
    const found = await store.inspect({ scope, key });
    if (found === undefined) return refuse(flags, { scope, key }, found);
    const view = await recordView(found, keptReader(sealKeysOf(flags.sealKey)));
    print(
      flags,
      () => recordDocument(view),
      () => recordText(view, Date.now(), painter),
    );
    return exitCodes.fine;
  });
}
