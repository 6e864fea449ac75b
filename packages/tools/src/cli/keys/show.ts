import { Command } from "commander";
import { exitCodes, painter } from "once-again/internal/command";
import { sealKeyOption, readSealKeys, type StoreFlags, withName, withStoreOptions } from "./flags.ts";
import { keyJson } from "../../admin/key-json.ts";
import { showKey } from "../../admin/show.ts";
import { formatRecord } from "./record-text.ts";
import { print, withStore } from "./session.ts";
import { refuse } from "./settle.ts";

interface ShowFlags extends StoreFlags {
  readonly sealKey: readonly string[];
}

/** `once-again keys show` */
export function showCommand(): Command {
  return withName(withStoreOptions(new Command("show")))
    .summary("show one key whole")
    .description("Shows one key whole: its times, its steps, and its stored answer.")
    .addOption(sealKeyOption("opens what was sealed with it; may be given several times"))
    .addHelpText(
      "after",
      `
Example:
  $ once-again keys show --store sqlite:keys.db acme order-7

A file of seal keys has one ID:HEX a line. With --json, bodies and other bytes are Base64.

Exit codes: 0 fine, 1 there is no such key, 2 wrong usage, or a store that does not answer.`,
    )
    .action(run);
}

async function run(scope: string, key: string, flags: ShowFlags, command: Command): Promise<void> {
  await withStore(command, flags, async (store) => {
    const view = await showKey(store, { scope, key }, readSealKeys(flags.sealKey));
    if (view === undefined) return refuse(flags, { scope, key }, "absent");
    print(
      flags,
      () => keyJson(view),
      () => formatRecord(view, Date.now(), painter),
    );
    return exitCodes.fine;
  });
}
