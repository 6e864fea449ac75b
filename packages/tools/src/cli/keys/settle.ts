import type { Command } from "commander";
import type { RecordName, Store } from "once-again/stores";
import { heldKey } from "../../admin/list.ts";
import { isSettleable, settleKey, type Settlement, unsettledReasons, type UnsettledState } from "../../admin/settle.ts";
import { exitCodes, painter } from "once-again/internal/command";
import { confirm } from "./confirm.ts";
import type { NoteFlags, StoreFlags } from "./flags.ts";
import { escapeControls } from "./printable.ts";
import { formatTable } from "./record-table.ts";
import { type ExitCode, print } from "./session.ts";

export interface SettleFlags extends StoreFlags, NoteFlags {
  readonly yes?: boolean;
}

/** The question before a command settles, and the sentence afterwards. */
export interface SettleWording {
  readonly question: string;
  readonly done: string;
}

/** Settles one held key, after asking. */
export async function settleOne(
  store: Store,
  name: RecordName,
  settlement: Settlement,
  flags: SettleFlags,
  command: Command,
  wording: SettleWording,
): Promise<ExitCode> {
  const before = await store.inspect(name);
  if (before === undefined) return refuse(flags, name, "absent");
  if (!isSettleable(before, settlement)) return refuse(flags, name, before.state);
  const question = [...formatTable([before], Date.now(), painter), wording.question].join("\n");
  if (!flags.yes && !(await confirm(question, command))) {
    console.error("Nothing was changed.");
    return exitCodes.bad;
  }
  const state = await settleKey(store, heldKey(before), settlement);
  if (state !== undefined) return refuse(flags, name, state);
  print(
    flags,
    () => ({ ...name, settledAs: settlement.as, ...noteJson(flags) }),
    () => [wording.done, formatNote(flags)],
  );
  return exitCodes.fine;
}

/** Who settled and why, in the output of a command: of a release nothing else says it. */
export function noteJson({ by, reason }: NoteFlags): { settledBy: string; reason: string } {
  return { settledBy: by, reason };
}

/** The same for people. */
export function formatNote({ by, reason }: NoteFlags): string {
  return `By ${escapeControls(by)}: ${escapeControls(reason)}`;
}

/** Says why a key can't be shown or settled. */
export function refuse(flags: StoreFlags, { scope, key }: RecordName, state: UnsettledState): ExitCode {
  print(
    flags,
    () => ({ scope, key, state }),
    () => [],
  );
  console.error(`${escapeControls(scope)} ${escapeControls(key)}: ${unsettledReasons[state]}`);
  return exitCodes.bad;
}
