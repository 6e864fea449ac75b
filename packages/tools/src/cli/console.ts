import process from "node:process";
import { Command } from "commander";
import { consoleServer } from "../console/console-server.ts";
import { keysSection } from "../console/keys/keys-section.ts";
import { stormsSection } from "../console/storms/storms-section.ts";
import { wholeNumber } from "./arguments.ts";
import { exitCodes } from "./exit-codes.ts";
import { storeForms, storeFromUrl } from "./store-from-url.ts";
import { waitForAbort, runUntilInterrupted } from "./until-interrupted.ts";

interface ConsoleFlags {
  readonly store: string;
  readonly host: string;
  readonly port: number;
  readonly json?: boolean;
}

/** `once-again console`: the keys of a store in the browser. */
export function consoleCommand(): Command {
  return new Command("console")
    .summary("watch and settle the keys of a store in the browser")
    .description("Serves the console for a store, and prints its address. It runs until Ctrl-C.")
    .requiredOption("--store <store>", storeForms)
    .option("--host <address>", "where to listen; beyond loopback every request needs the token", "127.0.0.1")
    .option("--port <number>", "0: any free port", wholeNumber(0, 65_535), 0)
    .option("--json", "print the address as one JSON document")
    .addHelpText(
      "after",
      `
Example:
  $ once-again console --store postgres://localhost/shop

The address has a token, new at each start. To look at keys from this machine no token is needed; to settle or release
one, and for every request from another machine, it is.

Exit codes: 0 ended by Ctrl-C, 2 wrong usage, or a store that does not answer.`,
    )
    .action(run);
}

async function run({ store: location, host, port, json }: ConsoleFlags, command: Command): Promise<void> {
  const fail = (error: Error): never => command.error(`error: ${error.message}`);
  await runUntilInterrupted(async (signal) => {
    const store = await storeFromUrl(location).catch(fail);
    try {
      await store.list({ limit: 1 }).catch(fail);
      const sections = [keysSection({ store: () => store }), stormsSection()];
      await using server = await consoleServer({ sections, host, port }).catch(fail);
      const { url, token } = server;
      process.stdout.write(json ? `${JSON.stringify({ url, token })}\n` : `Console: ${url}\nCtrl-C ends it.\n`);
      await waitForAbort(signal);
    } finally {
      await store.close();
    }
  });
  process.exitCode = exitCodes.fine;
}
