import type { InspectedRecord, Store } from "once-again/stores";
import type { ResolveRequest, SettlementNote } from "once-again/internal";
import type { HeldKey } from "./key-document.ts";
import { type KeyState, keyState } from "./key-state.ts";
import { storeRelease } from "./releases.ts";

/** How a held key is settled: as done with a result, or as not executed, which releases it. */
export type Settlement =
  | Extract<ResolveRequest["settlement"], { as: "done" }>
  | { readonly as: "not-executed"; readonly note: SettlementNote };

/** The state of a key that could not be settled. */
export type UnsettledState = KeyState | "absent";

/** Why a key in this state can't be settled, for people. */
export const unsettledReasons = {
  absent: "There is no such key in this scope: it was never used, was released, or has expired.",
  running: "A worker owns this key now. It can be settled when its lease is over.",
  held: "It was taken over and is held again since you looked. Look again.",
  done: "It is settled: a result is stored.",
  broken: "Its record is broken: it can only be released, as not executed.",
} as const satisfies Record<UnsettledState, string>;

/** Whether a key can be settled so: a held one, and a broken one that is released. */
export function isSettleable({ state }: InspectedRecord, { as }: Settlement): boolean {
  return state === "abandoned" || (state === "broken" && as === "not-executed");
}

/**
 * Settles a held key, unless it has changed since the operator saw it.
 *
 * @returns undefined when it is settled, otherwise its state.
 */
export async function settleKey(
  store: Store,
  { scope, key, attempt }: HeldKey,
  settlement: Settlement,
): Promise<UnsettledState | undefined> {
  const before = await store.inspect({ scope, key });
  if (before === undefined) return "absent";
  if (!isSettleable(before, settlement) || before.record.attempt !== attempt) return keyState(before);
  const isSettled =
    settlement.as === "done"
      ? await store.resolve({ scope, key, settlement })
      : await storeRelease(store, before, settlement.note, async () =>
          store.resolve({ scope, key, settlement: { as: "not-executed" } }),
        );
  if (isSettled) return undefined;
  const after = await store.inspect({ scope, key });
  return after === undefined ? "absent" : keyState(after);
}

/** So many keys are settled at the same time. */
const concurrency = 8;

/** A key that was not held any more. */
export interface UnsettledKey {
  readonly scope: string;
  readonly key: string;
  readonly state: UnsettledState;
}

/**
 * Settles held keys, each unless it has changed.
 *
 * @param settlementOf the settlement of each key: a result is sealed for one key alone.
 * @param onSettled is called with each key as soon as it is settled.
 * @param signal aborts it: keys that are not begun by then are left as they are, and are not among those that are returned.
 * @returns the keys that are not settled.
 */
export async function settleKeys(
  store: Store,
  held: readonly HeldKey[],
  settlementOf: (key: HeldKey) => Promise<Settlement>,
  onSettled: (key: HeldKey) => void,
  signal?: AbortSignal,
): Promise<UnsettledKey[]> {
  const unsettled: UnsettledKey[] = [];
  const queue = held.values();
  const work = async (): Promise<void> => {
    for (const one of queue) {
      if (signal?.aborted) return;
      const state = await settleKey(store, one, await settlementOf(one));
      if (state === undefined) onSettled(one);
      else unsettled.push({ scope: one.scope, key: one.key, state });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return unsettled;
}
