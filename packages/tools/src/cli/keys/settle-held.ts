import type { Command } from "commander";
import type { Store } from "once-again/stores";
import type { HeldKey } from "../../admin/key-document.ts";
import { listHeldKeys } from "../../admin/list.ts";
import { settleKeys, type Settlement } from "../../admin/settle.ts";
import { exitCodes, painter, runUntilInterrupted } from "once-again/internal/command";
import { openChangeLog } from "../change-log.ts";
import { confirm } from "./confirm.ts";
import { escapeControls } from "./printable.ts";
import { formatTable } from "./record-table.ts";
import { type ExitCode, print } from "./session.ts";
import type { SettleFlags, SettleWording } from "./settle.ts";

export interface SettleHeldFlags extends SettleFlags {
  readonly held?: boolean;
  readonly scope?: string;
  readonly limit: number;
}

/** So many keys are printed before the question. */
const printedMax = 10;

/**
 * Settles every held key of a selection in the same way, after asking once.
 *
 * @param settlementOf the settlement of each key: a result is sealed for one key alone.
 */
export async function settleHeld(
  store: Store,
  flags: SettleHeldFlags,
  command: Command,
  settlementOf: (key: HeldKey) => Promise<Settlement>,
  wording: SettleWording,
): Promise<ExitCode> {
  const { held, first } = await listHeldKeys(store, flags, printedMax);
  if (held.length > 0) {
    const more = held.length > first.length ? [`… and ${held.length - first.length} more`] : [];
    const question = [
      ...formatTable(first, Date.now(), painter),
      ...more,
      `${held.length} held keys. ${wording.question}`,
    ];
    if (!flags.yes && !(await confirm(question.join("\n"), command))) {
      console.error("Nothing was changed.");
      return exitCodes.bad;
    }
  }
  const log = openChangeLog(wording.did, flags);
  const { unsettled, isInterrupted } = await runUntilInterrupted(async (signal) => ({
    unsettled: await settleKeys(store, held, settlementOf, ({ scope, key }) => log.note({ scope, key }), signal),
    isInterrupted: signal.aborted,
  }));
  const settled = log.changes.length;
  print(
    flags,
    () => ({ settled, left: unsettled, isInterrupted, changes: log.changes }),
    () => [held.length === 0 ? "No key is held." : `${settled} keys settled: ${wording.done}`],
  );
  for (const { scope, key, state } of unsettled)
    console.error(`${escapeControls(scope)} ${escapeControls(key)}: it is ${state} now.`);
  if (isInterrupted)
    console.error(`Interrupted: ${held.length - settled - unsettled.length} keys are left as they were.`);
  return unsettled.length === 0 && !isInterrupted ? exitCodes.fine : exitCodes.bad;
}
