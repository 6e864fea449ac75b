import type { Command } from "commander";
import type { ParkedMessage } from "once-again/outbox";
import { exitCodes, type OpenOutbox, painter } from "once-again/internal/command";
import { confirm } from "../keys/confirm.ts";
import { type ExitCode, print } from "../keys/session.ts";
import { type DecideFlags, withOutbox } from "./flags.ts";
import { countMessages, formatTable, notParked } from "./message-text.ts";

/** A decision about parked messages. */
export interface Decision {
  /** The name of its count in the JSON document, and in what is said afterwards. */
  readonly name: "retried" | "discarded";
  /** Its effect, for people. */
  readonly meaning: string;
  /** Asked before; missing where a mistake costs nothing. */
  readonly question?: string;
  /** `false`: none is parked by this id. */
  readonly decide: (outbox: OpenOutbox, id: string) => Promise<boolean>;
}

/** So many messages are printed before the question. */
const printedMax = 10;

/** Decides about the message of an id, or with `--all` about those that are parked now; later ones are not among them. */
export async function decideParked(
  id: string | undefined,
  flags: DecideFlags,
  command: Command,
  decision: Decision,
): Promise<void> {
  if ((id === undefined) !== (flags.all === true)) {
    command.error("error: give the id of one message, or --all for all parked ones");
  }
  await withOutbox(command, flags, async (outbox) => {
    const parked = id === undefined ? await outbox.listParked({ limit: flags.limit }) : await outbox.showParked(id);
    if (parked.length > 0 && !(await isMeant(parked, flags, command, decision))) {
      console.error("Nothing was changed.");
      return exitCodes.bad;
    }
    // A message that was not shown is not decided, even if it is parked by now.
    const isAbsent = id !== undefined && parked.length === 0;
    const left = isAbsent ? [id] : await decideEach(outbox, parked, decision);
    const count = parked.filter((message) => !left.includes(message.id)).length;
    return report(outbox, flags, decision, { count, left });
  });
}

async function isMeant(
  parked: readonly ParkedMessage[],
  { yes }: DecideFlags,
  command: Command,
  { question }: Decision,
): Promise<boolean> {
  if (yes || question === undefined) return true;
  const more = parked.length > printedMax ? [`… and ${parked.length - printedMax} more`] : [];
  const table = formatTable(parked.slice(0, printedMax), Date.now(), painter);
  return confirm([...table, ...more, `${countMessages(parked.length)}. ${question}`].join("\n"), command);
}

interface Decided {
  readonly count: number;
  /** The ids by which none was parked any more. */
  readonly left: readonly string[];
}

/** @returns the ids by which none was parked any more. */
async function decideEach(
  outbox: OpenOutbox,
  parked: readonly ParkedMessage[],
  { decide }: Decision,
): Promise<string[]> {
  const left: string[] = [];
  for (const id of new Set(parked.map((message) => message.id))) if (!(await decide(outbox, id))) left.push(id);
  return left;
}

async function report(
  outbox: OpenOutbox,
  flags: DecideFlags,
  { name, meaning }: Decision,
  { count, left }: Decided,
): Promise<ExitCode> {
  const { parked } = await outbox.backlog();
  const said = [
    ...(count > 0 ? [`${countMessages(count)} ${name}: ${meaning}.`] : []),
    parked > 0 ? `${countMessages(parked)} parked.` : "No message is parked.",
  ];
  print(
    flags,
    () => ({ [name]: count, left, parked }),
    () => said,
  );
  for (const id of left) console.error(notParked(id));
  return left.length === 0 ? exitCodes.fine : exitCodes.bad;
}
