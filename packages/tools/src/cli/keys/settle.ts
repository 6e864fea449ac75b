import type { Command } from "commander";
import type { InspectedRecord, RecordName, ResolveRequest, Store } from "once-again/stores";
import { settleAsSeen, unsettledReasons } from "../../admin/settle.ts";
import { exitCodes } from "../exit-codes.ts";
import { painter } from "../painter.ts";
import { agreed } from "./confirm.ts";
import type { StoreFlags } from "./flags.ts";
import { printable } from "./printable.ts";
import { recordTable } from "./record-table.ts";
import { type ExitCode, print } from "./session.ts";

export interface SettleFlags extends StoreFlags {
  readonly yes?: boolean;
}

/** Settles an abandoned key, after asking. */
export async function settle(
  store: Store,
  request: ResolveRequest,
  flags: SettleFlags,
  command: Command,
  wording: { question: string; done: string },
): Promise<ExitCode> {
  const { scope, key, settlement } = request;
  const before = await store.inspect(request);
  if (before?.state !== "abandoned") return refuse(flags, request, before);
  const question = [...recordTable([before], Date.now(), painter), wording.question].join("\n");
  if (!flags.yes && !(await agreed(question, command))) {
    console.error("Nothing was changed.");
    return exitCodes.bad;
  }
  const seen = { scope, key, attempt: before.record.attempt };
  if ((await settleAsSeen(store, seen, settlement)) !== undefined) {
    return refuse(flags, request, await store.inspect(request));
  }
  print(
    flags,
    () => ({ scope, key, settledAs: settlement.as }),
    () => [wording.done],
  );
  return exitCodes.fine;
}

/** Says why a key can't be shown or settled. */
export function refuse(flags: StoreFlags, { scope, key }: RecordName, found: InspectedRecord | undefined): ExitCode {
  const state = found?.state ?? "absent";
  print(
    flags,
    () => ({ scope, key, state }),
    () => [],
  );
  console.error(`${printable(scope)} ${printable(key)}: ${unsettledReasons[state]}`);
  return exitCodes.bad;
}
