import process from "node:process";
import type { Command } from "commander";
import { settleAsSeen } from "../../admin/settle.ts";
import type { SeenKey } from "../../admin/keys-protocol.ts";
import type { InspectedRecord, RecordName, ResolveRequest, Store } from "once-again/stores";
import { exitCodes } from "../exit-codes.ts";
import { painter } from "../painter.ts";
import { progressBar } from "../progress-bar.ts";
import { agreed } from "./confirm.ts";
import { printable } from "./printable.ts";
import { recordTable } from "./record-table.ts";
import { type ExitCode, print } from "./session.ts";
import type { SettleFlags } from "./settle.ts";

export interface SettleHeldFlags extends SettleFlags {
  readonly held?: boolean;
  readonly scope?: string;
  readonly limit: number;
}

/** So many are asked of the store at a time, and so many are settled at a time. */
const pageSize = 1000;
const settledAtOnce = 8;

/** So many are shown before the question. */
const shownMax = 10;

/**
 * Settles every held key of a selection in the same way, after asking once.
 *
 * @param settlementOf how one of them is settled: a sealed answer is another one for each key.
 */
export async function settleHeld(
  store: Store,
  flags: SettleHeldFlags,
  command: Command,
  settlementOf: (name: RecordName) => Promise<ResolveRequest["settlement"]>,
  wording: { question: string; done: string },
): Promise<ExitCode> {
  const { first, seen } = await heldKeys(store, flags);
  if (seen.length > 0) {
    const more = seen.length > first.length ? [`… and ${seen.length - first.length} more`] : [];
    const question = [
      ...recordTable(first, Date.now(), painter),
      ...more,
      `${seen.length} held keys. ${wording.question}`,
    ];
    if (!flags.yes && !(await agreed(question.join("\n"), command))) {
      console.error("Nothing was changed.");
      return exitCodes.bad;
    }
  }
  const left = await settleAll(store, seen, settlementOf);
  const settled = seen.length - left.length;
  print(
    flags,
    () => ({ settled, left }),
    () => [seen.length === 0 ? "No key is held." : `${settled} keys settled: ${wording.done}`],
  );
  for (const { scope, key, state } of left) console.error(`${printable(scope)} ${printable(key)}: it is ${state} now.`);
  return left.length === 0 ? exitCodes.fine : exitCodes.bad;
}

async function heldKeys(
  store: Store,
  { scope, limit }: SettleHeldFlags,
): Promise<{ first: InspectedRecord[]; seen: SeenKey[] }> {
  const first: InspectedRecord[] = [];
  const seen: SeenKey[] = [];
  let after: RecordName | undefined;
  do {
    const page = await store.list({
      state: "abandoned",
      limit: Math.min(pageSize, limit - seen.length),
      ...(scope !== undefined && { scope }),
      ...(after !== undefined && { after }),
    });
    first.push(...page.slice(0, shownMax - first.length));
    for (const { scope, key, record } of page) seen.push({ scope, key, attempt: record.attempt });
    after = page.length === pageSize ? page.at(-1) : undefined;
  } while (after !== undefined && seen.length < limit);
  return { first, seen };
}

/** @returns those that were not held any more, and so were left as they are. */
async function settleAll(
  store: Store,
  seen: readonly SeenKey[],
  settlementOf: (name: RecordName) => Promise<ResolveRequest["settlement"]>,
): Promise<{ scope: string; key: string; state: string }[]> {
  const left: { scope: string; key: string; state: string }[] = [];
  const bar = progressBar(process.stderr, "keys settled");
  const waiting = seen.values();
  let done = 0;
  const work = async (): Promise<void> => {
    for (const one of waiting) {
      const state = await settleAsSeen(store, one, await settlementOf(one));
      if (state !== undefined) left.push({ scope: one.scope, key: one.key, state });
      bar.update((done += 1), seen.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: settledAtOnce }, work));
  } finally {
    if (seen.length > 0) bar.stop();
  }
  return left;
}
