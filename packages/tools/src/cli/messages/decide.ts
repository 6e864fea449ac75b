import type { Command } from "commander";
import type { UnconfirmedMessage } from "once-again/outbox";
import { exitCodes, type OpenOutbox, painter, runUntilInterrupted } from "once-again/internal/command";
import { type Change, type ChangeLog, type Deed, openChangeLog } from "../change-log.ts";
import { confirm } from "../keys/confirm.ts";
import { type ExitCode, print } from "../keys/session.ts";
import { type DecideFlags, withOutbox } from "./flags.ts";
import { countMessages, formatTable, notParked } from "./message-text.ts";

/** A decision about parked messages. */
export interface Decision {
  /** Also the name of its count in the JSON document. */
  readonly did: Extract<Deed, "retried" | "discarded">;
  /** Its effect, for people. */
  readonly meaning: string;
  /** Asked before; missing where a mistake costs nothing. */
  readonly question?: string;
  /** `false`: none is parked by this id. */
  readonly decide: (outbox: OpenOutbox, id: string, flags: DecideFlags) => Promise<boolean>;
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
    const parked = await findParked(outbox, id, flags);
    if (parked.length > 0 && !(await isMeant(parked, flags, command, decision))) {
      console.error("Nothing was changed.");
      return exitCodes.bad;
    }
    // A message that was not shown is not decided, even if it is parked by now.
    const isAbsent = id !== undefined && parked.length === 0;
    const log = openChangeLog(decision.did, flags);
    const decided = await runUntilInterrupted(async (signal) => ({
      left: isAbsent ? [id] : await decideEach(outbox, parked, flags, decision, log, signal),
      isInterrupted: signal.aborted,
    }));
    return report(outbox, flags, decision, { ...decided, changes: log.changes });
  });
}

async function findParked(
  outbox: OpenOutbox,
  id: string | undefined,
  { limit }: Pick<DecideFlags, "limit">,
): Promise<readonly UnconfirmedMessage[]> {
  if (id === undefined) return outbox.listUnconfirmed({ state: "parked", limit });
  return (await outbox.showUnconfirmed(id)).filter(({ parkedAt }) => parkedAt !== undefined);
}

async function isMeant(
  parked: readonly UnconfirmedMessage[],
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
  readonly changes: readonly Change[];
  /** The ids by which none was parked any more. */
  readonly left: readonly string[];
  readonly isInterrupted: boolean;
}

/**
 * Decides about each, and notes it at once.
 *
 * @returns the ids by which none was parked any more.
 */
async function decideEach(
  outbox: OpenOutbox,
  parked: readonly UnconfirmedMessage[],
  flags: DecideFlags,
  { decide }: Decision,
  log: ChangeLog,
  signal: AbortSignal,
): Promise<string[]> {
  const left: string[] = [];
  for (const [id, messages] of Map.groupBy(parked, (message) => message.id)) {
    if (signal.aborted) break;
    if (await decide(outbox, id, flags)) for (const _ of messages) log.note({ id });
    else left.push(id);
  }
  return left;
}

async function report(
  outbox: OpenOutbox,
  flags: DecideFlags,
  { did, meaning }: Decision,
  { changes, left, isInterrupted }: Decided,
): Promise<ExitCode> {
  const { parked } = await outbox.backlog();
  const count = changes.length;
  const said = [
    ...(count > 0 ? [`${countMessages(count)} ${did}: ${meaning}.`] : []),
    parked > 0 ? `${countMessages(parked)} parked.` : "No message is parked.",
  ];
  print(
    flags,
    () => ({ [did]: count, left, parked, isInterrupted, changes }),
    () => said,
  );
  for (const id of left) console.error(notParked(id));
  if (isInterrupted) console.error("Interrupted: the others are left as they were.");
  return left.length === 0 && !isInterrupted ? exitCodes.fine : exitCodes.bad;
}
