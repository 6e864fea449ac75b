import { Command } from "commander";
import { exitCodes, painter } from "once-again/internal/command";
import { letterJson, type LetterView, letterView } from "../../admin/letters/letter-view.ts";
import { maskOption } from "../keys/flags.ts";
import { escapeControls } from "../keys/printable.ts";
import { print } from "../keys/session.ts";
import { type LetterFlags, withLetterOptions, withLetters } from "./flags.ts";
import { countLetters, formatLetters } from "./letter-text.ts";

interface ListFlags extends LetterFlags {
  readonly mask: readonly string[];
}

/** `once-again letters list` */
export function listCommand(): Command {
  return withLetterOptions(new Command("list"))
    .addOption(maskOption())
    .summary("show the dead letters of a queue, topic, subject or stream")
    .description(
      "Shows dead letters, the oldest first: the id of each, why it was put aside, where it came from, when, how often it was " +
        "delivered, its size, and the beginning of its body. Nothing is removed.",
    )
    .addHelpText(
      "after",
      `
Examples:
  $ once-again letters list --broker amqp://localhost --from billing.dead
  $ once-again letters list --broker kafka://localhost:9092 --from orders.dead --limit 20
  $ once-again letters list --broker nats://localhost --from dead.billing
  $ once-again letters list --broker redis://localhost --from orders:dead
  $ once-again letters list --broker sqs://eu-central-1 --from billing-dead --json

RabbitMQ and SQS hide a letter from others while it is looked at, and count the look as a delivery. Of Kafka, letters count as
removed that the group once-again-letters has committed, as "send" does it.

Exit codes: 0 fine (also when there are none), 2 wrong usage, a place that is not there, or a broker that does not answer.`,
    )
    .action(run);
}

async function run(flags: ListFlags, command: Command): Promise<void> {
  await withLetters(command, flags, async (place) => {
    const count = await place.count();
    const letters: LetterView[] = [];
    await place.visit(flags.limit, async ({ letter }) => letters.push(letterView(letter, flags.mask)) > 0);
    print(
      flags,
      () => ({ count, letters: letters.map(letterJson) }),
      () => {
        const more = letters.length >= flags.limit && count > letters.length;
        if (letters.length === 0) return [`No letter is in ${escapeControls(flags.from)}.`];
        return [
          ...formatLetters(letters, Date.now(), painter),
          ...(more ? ["", painter.faint(`There are about ${count} in all: --limit ${count} shows them.`)] : []),
        ];
      },
    );
    const notice = place.notice();
    if (notice !== undefined) console.error(`${countLetters(letters.length)} shown. ${notice}`);
    return exitCodes.fine;
  });
}
