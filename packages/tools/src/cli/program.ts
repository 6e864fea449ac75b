import { readFile } from "node:fs/promises";
import process from "node:process";
import { Command, CommanderError } from "commander";
import { consoleCommand } from "./console.ts";
import { exitCodes } from "./exit-codes.ts";
import { gatewayCommand } from "./gateway/command.ts";
import { keysCommand } from "./keys/command.ts";
import { labCommand } from "./lab/command.ts";
import { messagesCommand } from "./messages/command.ts";
import { migrateCommand } from "./migrate.ts";
import { stormCommand } from "./storm/command.ts";
import { verifyCommand } from "./verify/command.ts";

const packageFile = new URL("../../package.json", import.meta.url);
const { version } = JSON.parse(await readFile(packageFile, "utf8")) as { version: string };

/** Runs the command line that this process was started with. */
export async function runProgram(): Promise<void> {
  const program = new Command("once-again")
    .description("Retry again, happen once.")
    .version(version)
    // The options behind a command are its own, also where two have one of the same name.
    .enablePositionalOptions()
    .exitOverride()
    .addCommand(labCommand().exitOverride())
    .addCommand(consoleCommand().exitOverride())
    .addCommand(gatewayCommand().exitOverride())
    .addCommand(keysCommand().exitOverride())
    .addCommand(messagesCommand().exitOverride())
    .addCommand(migrateCommand().exitOverride())
    .addCommand(stormCommand().exitOverride())
    .addCommand(verifyCommand().exitOverride());

  // A reader such as head closes the pipe when it has enough. That is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });

  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has said what is wrong. Its own code for that is 1, as for a bad result.
    process.exitCode = error.exitCode === 0 ? exitCodes.fine : exitCodes.usage;
  }
}
