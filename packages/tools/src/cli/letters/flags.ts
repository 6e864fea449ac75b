import { type Command, Option } from "commander";
import { wholeNumber } from "once-again/internal/command";
import type { LetterPlace } from "../../admin/letters/letter.ts";
import { brokerUrlForms, openLetters } from "../../admin/letters/open-letters.ts";
import { type ExitCode, withOpen } from "../keys/session.ts";

/** The options of every command on dead letters. */
export interface LetterFlags {
  readonly broker: string;
  readonly from: string;
  readonly limit: number;
  readonly json?: boolean;
}

/** Gives a command the options of `LetterFlags`. */
export function withLetterOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--broker <url>", `where the broker is: ${brokerUrlForms}`)
        .env("ONCE_AGAIN_BROKER")
        .makeOptionMandatory(),
    )
    .requiredOption("--from <place>", "its queue, topic, subject or stream of dead letters")
    .option(
      "--limit <number>",
      "how many letters are looked at, the oldest first, 1 to 10000",
      wholeNumber(1, 10_000),
      100,
    )
    .option("--json", "print one JSON document instead of text");
}

/** `withOpen` for the place of dead letters that the options name. */
export function withLetters(
  command: Command,
  { broker, from }: LetterFlags,
  work: (place: LetterPlace) => Promise<ExitCode>,
): Promise<void> {
  return withOpen(command, () => openLetters(broker, from), work);
}
