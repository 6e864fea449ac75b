import { readFileSync } from "node:fs";
import process from "node:process";
import { Command } from "commander";
import { commands } from "./commands.ts";

const packageFile = new URL("../../package.json", import.meta.url);
const usages = new Map(commands.map(({ name, usage }) => [name, usage]));

/**
 * The whole program. It has the code of those commands that the first arguments name: a command stands first, or behind
 * `help`. Of the others it has the line that the help prints.
 */
export async function makeProgram(args = process.argv.slice(2)): Promise<Command> {
  const { version } = JSON.parse(readFileSync(packageFile, "utf8")) as { version: string };
  const program = new Command("once-again")
    .description("Retry again, happen once.")
    .version(version)
    .configureHelp({
      subcommandTerm: (command) => `${command.name()} ${usages.get(command.name()) ?? command.usage()}`.trim(),
    })
    // The options behind a command are its own, also where two have one of the same name.
    .enablePositionalOptions()
    .exitOverride();
  for (const { name, summary, load } of commands) {
    const command = args.slice(0, 3).includes(name) ? await load() : new Command(name);
    program.addCommand(command.summary(summary).exitOverride());
  }
  return program;
}
