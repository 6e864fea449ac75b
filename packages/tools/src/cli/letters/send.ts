import { Command } from "commander";
import { OnceAgainError } from "once-again";
import { exitCodes, runUntilInterrupted } from "once-again/internal/command";
import type { HeldLetter, LetterPlace } from "../../admin/letters/letter.ts";
import { type ChangeLog, openChangeLog } from "../change-log.ts";
import { type NoteFlags, withNote } from "../keys/flags.ts";
import { escapeControls } from "../keys/printable.ts";
import { type ExitCode, print } from "../keys/session.ts";
import { type LetterFlags, withLetterOptions, withLetters } from "./flags.ts";
import { countLetters } from "./letter-text.ts";

interface SendFlags extends LetterFlags, NoteFlags {
  readonly all?: boolean;
  readonly to?: string;
}

/** `once-again letters send` */
export function sendCommand(): Command {
  return withNote(withLetterOptions(new Command("send")))
    .argument("[ids...]", "the ids of letters, as `list` shows them")
    .option("--all", "every letter that is looked at, instead of some; see --limit")
    .option("--to <place>", "the queue, topic, subject or stream to send to; default that from which each letter came")
    .summary("send dead letters back to where they came from")
    .description(
      "Sends dead letters back to where they came from, with the same id, headers and body, and without what the inbox wrote " +
        "into their headers. A letter is removed when the broker has confirmed the send, and not before. Repair first what they " +
        "failed of; a letter with outcome-unknown needs its key settled before (`keys resolve`).",
    )
    .addHelpText(
      "after",
      `
Examples:
  $ once-again letters send --broker amqp://localhost --from billing.dead order-7-placed --reason "INC-12: repaired"
  $ once-again letters send --broker kafka://localhost:9092 --from orders.dead --all --limit 1000 --reason "INC-12: repaired"

Each letter is printed as soon as its send is confirmed, with --json as a line of JSON on stderr; the document comes last. A
command that is killed may leave a letter that it has sent: sent again, it has the same id, and the inbox drops it. Kafka removes
no single letter: the group once-again-letters commits how far all are sent, and "list" begins there.

Exit codes: 0 done (with --all also when there are none), 1 a letter is not there or was left, or it was interrupted, 2 wrong
usage, a place that is not there, or a broker that does not answer.`,
    )
    .action(run);
}

async function run(ids: readonly string[], flags: SendFlags, command: Command): Promise<void> {
  if (ids.length > 0 === (flags.all === true)) {
    command.error("error: give the ids of letters, or --all for all that --limit looks at");
  }
  const log = openChangeLog("sent", flags);
  await withLetters(command, flags, (place) =>
    runUntilInterrupted(async (signal) => {
      const chosen = flags.all ? undefined : new Set(ids);
      const visits = await sendEach(place, chosen, flags, log, signal);
      await place.finish();
      return report(place, flags, log, { ...visits, isInterrupted: signal.aborted });
    }),
  );
}

/** A letter that was not sent. */
interface LeftLetter {
  readonly id: string | null;
  readonly why: string;
}

interface Visits {
  readonly left: readonly LeftLetter[];
  readonly isInterrupted: boolean;
}

async function sendEach(
  place: LetterPlace,
  chosen: ReadonlySet<string> | undefined,
  flags: SendFlags,
  log: ChangeLog,
  signal: AbortSignal,
): Promise<Pick<Visits, "left">> {
  const left: LeftLetter[] = [];
  const missing = new Set(chosen);
  const visit = async (held: HeldLetter): Promise<boolean> => {
    if (signal.aborted) return false;
    const { id } = held.letter;
    if (chosen !== undefined && (id === undefined || !chosen.has(id))) return true;
    if (id !== undefined) missing.delete(id);
    const why = await sendOne(held, flags, log);
    if (why !== undefined) left.push({ id: id ?? null, why });
    return true;
  };
  try {
    await place.visit(flags.limit, visit);
  } catch (error) {
    // The sends before it stand: the broker has them marked where it can.
    await place.finish().catch(() => undefined);
    throw error;
  }
  const absent = `It is not among the oldest ${flags.limit} letters of ${flags.from}: --limit looks at more.`;
  if (!signal.aborted) for (const id of missing) left.push({ id, why: absent });
  return { left };
}

/** @returns why the letter was left; undefined when it was sent and removed. */
async function sendOne(held: HeldLetter, flags: SendFlags, log: ChangeLog): Promise<string | undefined> {
  const { id, cutFrom, source } = held.letter;
  const to = flags.to ?? source ?? defaultSource(flags.from);
  if (id === undefined) return "It has no id, so that a repeat could not be known.";
  if (cutFrom !== undefined) return `It was too large to be copied: its message is still at ${cutFrom}.`;
  if (to === undefined) return "It does not say where it came from: name the place with --to.";
  try {
    if (!(await held.send(to))) {
      return `${to} has had this id within its duplicate_window, and took it no second time: send it again after that.`;
    }
  } catch (error) {
    if (!OnceAgainError.isInstance(error, "ONCE_BROKER_UNAVAILABLE")) {
      if (OnceAgainError.isInstance(error, "ONCE_MESSAGE_REFUSED")) return error.message;
      throw error;
    }
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
    throw new Error(`The broker did not confirm ${id} for ${to}${cause}`, { cause: error });
  }
  log.note({ id, to });
  await held.remove();
  return undefined;
}

/** Where a letter came from that does not say so, by the names that our consumers give such places. */
function defaultSource(from: string): string | undefined {
  const source = from.replace(/(\.dead|:dead|-dead(?=\.fifo$)|-dead)$/, "");
  return source === from || source === "" ? undefined : source;
}

function report(place: LetterPlace, flags: SendFlags, { changes }: ChangeLog, visits: Visits): ExitCode {
  const { left, isInterrupted } = visits;
  print(
    flags,
    () => ({ sent: changes.length, left, isInterrupted, changes }),
    () => [changes.length === 0 ? "No letter was sent." : `${countLetters(changes.length)} sent.`],
  );
  for (const { id, why } of left) console.error(escapeControls(`${id ?? "A letter"}: ${why}`));
  const notice = place.notice();
  if (notice !== undefined) console.error(notice);
  if (isInterrupted) console.error("Interrupted: the others are left as they were.");
  return left.length === 0 && !isInterrupted ? exitCodes.fine : exitCodes.bad;
}
