import type { Command } from "commander";
import type { InspectedRecord, RecordName, ResolveRequest, Store } from "../../stores/store.ts";
import { exitCodes } from "../exit-codes.ts";
import { painter } from "../painter.ts";
import { agreed } from "./agreed.ts";
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
  if (!(await store.resolve(request))) return refuse(flags, request, await store.inspect(request));
  print(
    flags,
    () => ({ scope, key, settledAs: settlement.as }),
    () => [wording.done],
  );
  return exitCodes.fine;
}

const reasons = {
  absent: "There is no such key in this scope: it was never used, or released, or is expired.",
  running: "A worker owns this key at present. It can be settled when its lease is over.",
  abandoned: "It was taken over and abandoned again meanwhile. Look again.",
  done: "It is settled: a result is kept.",
} as const;

/** Says why a key can't be shown or settled. */
export function refuse(flags: StoreFlags, { scope, key }: RecordName, found: InspectedRecord | undefined): ExitCode {
  const state = found?.state ?? "absent";
  print(
    flags,
    () => ({ scope, key, state }),
    () => [],
  );
  console.error(`${printable(scope)} ${printable(key)}: ${reasons[state]}`);
  return exitCodes.bad;
}
