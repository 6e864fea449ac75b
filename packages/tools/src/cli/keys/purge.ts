import process from "node:process";
import { Command } from "commander";
import { exitCodes, wholeNumber } from "once-again/internal/command";
import { type StoreFlags, withStoreOptions } from "./flags.ts";
import { runningText } from "../running-text.ts";
import { print, withStore } from "./session.ts";

interface PurgeFlags extends StoreFlags {
  readonly batch: number;
  readonly scope?: string;
}

/** `once-again keys purge` */
export function purgeCommand(): Command {
  return withStoreOptions(new Command("purge"))
    .summary("remove expired keys")
    .description(
      "Removes the keys that are past their retention, batch by batch, so that servers never wait for long. Servers " +
        "ignore these keys already: only their space is freed.",
    )
    .option("--scope <scope>", "only those of this scope")
    .option("--batch <number>", "how many at a time, 1 to 100000", wholeNumber(1, 100_000), 1000)
    .addHelpText(
      "after",
      `
Example:
  $ once-again keys purge --store sqlite:keys.db
  $ once-again keys purge --store sqlite:keys.db --scope tenant-7

It can be stopped at any time, and run again. Keys that are not past their retention stay, whatever their scope. Redis and DynamoDB remove
expired keys by themselves.

Exit codes: 0 fine, 2 wrong usage, or a store that does not answer.`,
    )
    .action(run);
}

async function run(flags: PurgeFlags, command: Command): Promise<void> {
  await withStore(command, flags, async (store) => {
    const counter = runningText(process.stderr);
    let removed = 0;
    for (let last = flags.batch; last === flags.batch; removed += last) {
      last = await store.purge({ limit: flags.batch, scope: flags.scope });
      counter.show(`${removed + last} removed`);
    }
    counter.clear();
    print(
      flags,
      () => ({ removed }),
      () => [`${removed} expired keys removed.`],
    );
    return exitCodes.fine;
  });
}
