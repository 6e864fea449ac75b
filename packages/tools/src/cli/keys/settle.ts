import type { Command } from "commander";
import type { RecordName, Store } from "once-again/stores";
import { heldKey } from "../../admin/list.ts";
import { keyState } from "../../admin/key-state.ts";
import { isSettleable, settleKey, type Settlement, unsettledReasons, type UnsettledState } from "../../admin/settle.ts";
import { exitCodes, painter } from "once-again/internal/command";
import { openChangeLog } from "../change-log.ts";
import { confirm } from "./confirm.ts";
import type { NoteFlags, StoreFlags } from "./flags.ts";
import { escapeControls } from "./printable.ts";
import { formatTable } from "./record-table.ts";
import { type ExitCode, print } from "./session.ts";

export interface SettleFlags extends StoreFlags, NoteFlags {
  readonly yes?: boolean;
}

/** The deed of a command, the question before it, and the sentence afterwards. */
export interface SettleWording {
  readonly did: "resolved" | "released";
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
  if (!isSettleable(before, settlement)) return refuse(flags, name, keyState(before));
  const question = [...formatTable([before], Date.now(), painter), wording.question].join("\n");
  if (!flags.yes && !(await confirm(question, command))) {
    console.error("Nothing was changed.");
    return exitCodes.bad;
  }
  const state = await settleKey(store, heldKey(before), settlement);
  if (state !== undefined) return refuse(flags, name, state);
  const log = openChangeLog(wording.did, flags);
  log.note({ scope: name.scope, key: name.key });
  print(
    flags,
    () => ({ ...name, settledAs: settlement.as, changes: log.changes }),
    () => [wording.done],
  );
  return exitCodes.fine;
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
